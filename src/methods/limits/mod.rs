//! How often is too often: rates of requests, of failed logins, and sessions of one user. All of it is off unless the
//! operator asks for it, and costs nothing then.

mod logins;
mod rates;

pub(super) use logins::LoginRate;
pub(super) use rates::{RateLimits, What};
