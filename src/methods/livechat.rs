//! `livechat:setUpConnection`: the session is a visitor's.

use super::errors::Answer;
use super::params::Params;
use crate::client::Client;
use crate::ddp::DdpError;

/// [{token}]: the first token of a session stays.
pub(super) fn set_up_connection(client: &Client, params: &Params<'_>) -> Answer {
    let given = params.object(0);
    let token = given.as_ref().and_then(|given| given.text("token"));
    let token = token.ok_or_else(|| DdpError::number(400, "Token must be string"))?;
    client.keep_livechat_token(&token);
    Ok(None)
}
