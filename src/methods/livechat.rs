//! `livechat:setUpConnection`: the session is a visitor's.

use super::errors::Answer;
use super::params::Params;
use crate::client::Client;
use crate::ddp::DdpError;

/// Longest token, in bytes: every event about the session carries it, and what is too large for NATS tells nobody anything.
const MAX_TOKEN: usize = 4096;

/// [{token}]: the first token of a session stays.
pub(super) fn set_up_connection(client: &Client, params: &Params<'_>) -> Answer {
    let given = params.object(0);
    let token = given.as_ref().and_then(|given| given.text("token"));
    let token = token.ok_or_else(|| DdpError::number(400, "Token must be string"))?;
    if token.len() > MAX_TOKEN {
        return Err(DdpError::number(400, "Token too long"));
    }
    client.keep_livechat_token(&token);
    Ok(None)
}
