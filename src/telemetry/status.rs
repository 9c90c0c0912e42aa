//! The status page (`ADMIN_PORT`, `ADMIN_BIND_IP`): what this process is doing now, for people and, as JSON, for programs.

use std::fmt::Write;
use std::io;
use std::sync::Arc;

use hyper::header::HeaderValue;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::door::{Door, Guard};
use crate::config::StatusPageConfig;
use crate::port::Names;

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
/// The page looks again after so many seconds.
const REFRESH: u8 = 5;

/// Sections by name, each an object of figures by name.
pub type Status = Map<String, Value>;

/// The page cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("the status page cannot be served on ADMIN_PORT={port}: {source}")]
pub struct StatusError {
    port: u16,
    source: io::Error,
}

/// The page, bound and not yet served.
#[derive(Debug)]
pub struct StatusPage(Door);

impl StatusPage {
    /// Listens.
    ///
    /// # Errors
    /// The address is taken, or not allowed.
    pub async fn bind(config: &StatusPageConfig) -> Result<Self, StatusError> {
        let port = config.address.port();
        let guard = Guard {
            names: Names::new(config.hosts.clone()),
            token: config.token.clone(),
        };
        let door = Door::open(config.address, Some(guard)).await;
        door.map(Self)
            .map_err(|source| StatusError { port, source })
    }

    /// Serves `/` and `/status.json` until `stop`. `look` is asked for every visit.
    pub async fn run(
        self,
        look: impl Fn() -> Status + Send + Sync + 'static,
        stop: CancellationToken,
    ) {
        if let Ok(address) = self.0.local_addr() {
            info!(%address, "the status page is served");
        }
        let answer = Arc::new(move |path: &str| match path {
            "/" => Some((HTML, page(&look()))),
            "/status.json" => Some((JSON, Value::Object(look()).to_string())),
            _ => None,
        });
        stop.run_until_cancelled(self.0.serve("/", answer)).await;
    }
}

fn page(status: &Status) -> String {
    let mut html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content={REFRESH}>\
         <meta name=viewport content=\"width=device-width\"><title>ddp-streamer</title><style>\
         body{{font:14px/1.5 system-ui,sans-serif;margin:2em auto;max-width:46em;padding:0 1em;color:#1f2329}}\
         h2{{font-size:1em;margin:1.5em 0 .3em}}table{{border-collapse:collapse;width:100%}}\
         td{{border-top:1px solid #d9dce0;padding:.25em .5em;vertical-align:top}}\
         td+td{{text-align:right;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}}</style><h1>ddp-streamer</h1>"
    );
    for (section, figures) in status {
        let _ = write!(html, "<h2>{}</h2><table>", escaped(section));
        for (name, value) in figures.as_object().into_iter().flatten() {
            let value = match value {
                Value::String(text) => escaped(text),
                Value::Array(all) => {
                    let all: Vec<_> = all.iter().filter_map(Value::as_str).collect();
                    escaped(&all.join(", "))
                }
                other => escaped(&other.to_string()),
            };
            let _ = write!(html, "<tr><td>{}<td>{value}", escaped(name));
        }
        html.push_str("</table>");
    }
    html
}

/// Other nodes choose some of these texts.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_others_chose_is_text() {
        let Value::Object(status) = json!({
            "mesh": { "state": "joined", "nodes": ["a<b>", "\"c\" & d"], "callsPending": 3 },
        }) else {
            panic!("no object")
        };
        let page = page(&status);
        for row in [
            "<h2>mesh</h2>",
            "<tr><td>state<td>joined",
            "<tr><td>nodes<td>a&lt;b&gt;, &quot;c&quot; &amp; d",
            "<tr><td>callsPending<td>3",
        ] {
            assert!(page.contains(row), "{row} in {page}");
        }
    }
}
