//! What stands in the files that settings name. All of it is looked at before anything is bound, so that whoever starts the
//! service learns of everything that is wrong at once (reference/configuration.md).

use super::error::StartError;
use super::settings;
use crate::config::Config;
use crate::gateway::{GatewayError, check_certificate, check_ticket_keys};

/// What is wrong with the files of the ports and of traces. The store's seed and whom NATS or a server is believed by are
/// read where those are made.
pub(super) fn problems(config: &Config) -> Vec<StartError> {
    let mut problems = Vec::new();
    if let Some(tls) = &config.gateway.tls {
        let keys = tls.ticket_keys.as_deref();
        let wrong = [
            check_certificate(tls).err(),
            keys.and_then(|path| check_ticket_keys(path).err()),
        ];
        let wrong = wrong.into_iter().flatten().map(GatewayError::from);
        problems.extend(wrong.map(StartError::from));
    }
    if let Some(tracing) = &config.tracing {
        problems.extend(settings::collector_problems(tracing));
    }
    problems
}
