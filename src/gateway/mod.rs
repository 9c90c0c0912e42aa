//! The door: accept, admission, HTTP answers, upgrade.
