//! From the checked configuration of the mesh to what the mesh takes; the other rooms take theirs as it is.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::error::StartError;
use crate::config::{Broker, MeshSettings, NatsCredentials};
use crate::mesh::{MeshConfig, NatsTarget, NatsTls, NodeId, Transporter};

/// `ee-settings` is there in workspaces with a licence only: its absence is normal.
const NEVER_WAITED_FOR: &str = "ee-settings";

pub(super) fn mesh(
    settings: &MeshSettings,
    transporter: Option<Transporter>,
) -> Result<MeshConfig, StartError> {
    let node_id = NodeId::new(&settings.node_id).map_err(|error| StartError::Setting {
        name: "NODE_ID",
        problem: error.to_string(),
    })?;
    let transporter = match transporter {
        Some(given) => given,
        None => match settings.broker {
            Broker::Moleculer => Transporter::Nats(nats(settings)?),
            Broker::Nats => Transporter::Plain(nats(settings)?),
        },
    };
    let mut mesh = MeshConfig::new(node_id, transporter);
    mesh.namespace.clone_from(&settings.namespace);
    mesh.serializer = settings.serializer;
    mesh.protocols = settings.protocols;
    mesh.heartbeat_interval = settings.heartbeat_interval;
    mesh.heartbeat_timeout = settings.heartbeat_timeout;
    mesh.request_timeout = settings.request_timeout;
    mesh.retry = settings.retry;
    mesh.bulkhead = settings.bulkhead;
    mesh.balance = settings.balance;
    mesh.prefer_local = settings.prefer_local;
    mesh.wait_for_services = settings.wait_for_services;
    mesh.never_wait_for = vec![NEVER_WAITED_FOR.to_owned()];
    Ok(mesh)
}

fn nats(settings: &MeshSettings) -> Result<NatsTarget, StartError> {
    let mut target = NatsTarget::parse(&settings.transporter.servers.join(","))?;
    match &settings.transporter.credentials {
        Some(NatsCredentials::Password { user, password }) => {
            target.user = Some(user.clone());
            target.pass = Some(password.expose().to_owned());
        }
        Some(NatsCredentials::Token(token)) => target.user = Some(token.expose().to_owned()),
        None => {}
    }
    target.tls = NatsTls {
        required: settings.transporter.tls,
        client: None,
    };
    if let Some(path) = &settings.tls_ca {
        target.tls.client = Some(Arc::new(trusting(Some(path))?));
    }
    Ok(target)
}

/// What the platform trusts, and the certificates of `TLS_CA_PATH`.
pub(super) fn trusting(path: Option<&Path>) -> Result<rustls::ClientConfig, StartError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = path {
        add_certificates(&mut roots, path)?;
    }
    Ok(rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn add_certificates(roots: &mut RootCertStore, path: &Path) -> Result<(), StartError> {
    let problem = |problem: String| StartError::Setting {
        name: "TLS_CA_PATH",
        problem,
    };
    let pem = fs::read(path).map_err(|error| problem(format!("{}: {error}", path.display())))?;
    let mut added = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate =
            certificate.map_err(|error| problem(format!("{}: {error}", path.display())))?;
        roots
            .add(certificate)
            .map_err(|error| problem(format!("{}: {error}", path.display())))?;
        added += 1;
    }
    if added == 0 {
        return Err(problem(format!("{}: no certificate", path.display())));
    }
    Ok(())
}
