//! From the checked configuration of the mesh and of traces to what these take; the other rooms take theirs as it is.

use std::path::Path;
use std::sync::Arc;
use std::{fmt, fs};

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::StartError;
use crate::config::{Broker, ClientCertificate, MeshSettings, NatsCredentials, TracingConfig};
use crate::gateway::certificates;
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
    mesh.node = settings.node.clone();
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

/// Whom the collector's `https` trusts, and what is shown there; nobody where it is not spoken.
pub(super) fn collector_tls(tracing: &TracingConfig) -> Result<rustls::ClientConfig, StartError> {
    let mut roots = match tracing.endpoint.starts_with("https:") {
        true => native_roots(),
        false => RootCertStore::empty(),
    };
    for (name, path) in &tracing.trusted {
        trust(name, path, &mut roots)?;
    }
    let builder = rustls::ClientConfig::builder().with_root_certificates(roots);
    let Some(client) = &tracing.client else {
        return Ok(builder.with_no_client_auth());
    };
    builder
        .with_client_auth_cert(shown_chain(client)?, shown_key(client)?)
        .map_err(|error| in_file(client.certificate.0, &client.certificate.1, &error))
}

/// What is wrong with the files that [`collector_tls`] reads: with all of them, not the first only.
pub(super) fn collector_problems(tracing: &TracingConfig) -> Vec<StartError> {
    let nobody = &mut RootCertStore::empty();
    let trusted = tracing.trusted.iter();
    let mut problems: Vec<_> = trusted
        .filter_map(|(name, path)| trust(name, path, nobody).err())
        .collect();
    if let Some(client) = &tracing.client {
        problems.extend(shown_chain(client).err());
        problems.extend(shown_key(client).err());
    }
    if problems.is_empty() {
        // How chain and key fit.
        problems.extend(collector_tls(tracing).err());
    }
    problems
}

fn shown_chain(client: &ClientCertificate) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let (name, path) = &client.certificate;
    chain_in(name, path)
}

fn shown_key(client: &ClientCertificate) -> Result<PrivateKeyDer<'static>, StartError> {
    let (name, path) = &client.key;
    PrivateKeyDer::from_pem_file(path).map_err(|error| in_file(name, path, &error))
}

/// The certificates of a file that `name` says; there must be one.
fn chain_in(name: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let pem = fs::read(path).map_err(|error| in_file(name, path, &error))?;
    certificates(&pem).map_err(|error| in_file(name, path, &error))
}

fn in_file(name: &'static str, path: &Path, error: &dyn fmt::Display) -> StartError {
    let problem = format!("{}: {error}", path.display());
    StartError::Setting { name, problem }
}

/// What the platform trusts, and the certificates of `TLS_CA_PATH`.
pub(super) fn trusting(path: Option<&Path>) -> Result<rustls::ClientConfig, StartError> {
    let mut roots = native_roots();
    if let Some(path) = path {
        trust("TLS_CA_PATH", path, &mut roots)?;
    }
    Ok(rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn native_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Adds the certificates of a file that `name` says.
fn trust(name: &'static str, path: &Path, roots: &mut RootCertStore) -> Result<(), StartError> {
    for certificate in chain_in(name, path)? {
        roots
            .add(certificate)
            .map_err(|error| in_file(name, path, &error))?;
    }
    Ok(())
}
