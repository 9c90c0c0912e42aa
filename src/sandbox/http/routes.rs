//! What each path answers.

use std::convert::Infallible;
use std::net::IpAddr;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{BOUNDS, Site, files, trace};
use crate::port::Names;
use crate::sandbox::core::Stopped;
use crate::sandbox::node::audience;
use crate::sandbox::world::{User, micros};

pub(super) type Body = BoxBody<Bytes, Infallible>;

/// Only the page's own files run, and nothing else is loaded; sockets go to the service, wherever it is.
const CONTENT_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'";
/// The largest request body: an event's arguments.
const LONGEST_BODY: usize = 1024 * 1024;

/// Status and word for whoever asked wrongly.
struct Wrong(StatusCode, String);

impl From<Stopped> for Wrong {
    fn from(stopped: Stopped) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, stopped.to_string())
    }
}

/// Answers a request.
pub(super) async fn answer(
    site: &Site,
    names: &Names,
    request: Request<Incoming>,
    reached: IpAddr,
) -> Response<Body> {
    let answered = match names.own(&request, reached) {
        // A body that does not come holds nobody up for ever.
        Ok(()) => timeout(BOUNDS.silence, route(site, request))
            .await
            .unwrap_or_else(|_| Err(Wrong(StatusCode::REQUEST_TIMEOUT, "too slow".to_owned()))),
        Err(foreign) => Err(Wrong(
            StatusCode::FORBIDDEN,
            format!("the sandbox is {foreign}"),
        )),
    };
    let mut response = answered.unwrap_or_else(|Wrong(status, error)| {
        let mut response = json_response(&json!({ "error": error }));
        *response.status_mut() = status;
        response
    });
    let headers = response.headers_mut();
    headers.insert(
        "content-security-policy",
        HeaderValue::from_static(CONTENT_POLICY),
    );
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    // An old tab must not run yesterday's script against today's sandbox.
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn route(site: &Site, request: Request<Incoming>) -> Result<Response<Body>, Wrong> {
    let path = request.uri().path().to_owned();
    match (request.method(), path.as_str()) {
        (&Method::GET | &Method::HEAD, "/config.json") => {
            let mut config = site.config.clone();
            config["people"] = people(site).await?;
            Ok(json_response(&config))
        }
        (&Method::GET, "/people.json") => {
            Ok(json_response(&json!({ "people": people(site).await? })))
        }
        (&Method::GET, "/calls") => Ok(json_response(&json!(site.journal.calls()))),
        (&Method::GET, "/events") => Ok(json_response(&json!(site.journal.events()))),
        (&Method::GET, "/time") => Ok(json_response(&json!({ "now": micros() }))),
        (&Method::GET, "/trace") => Ok(trace::stream(site)),
        (&Method::POST, "/token") => {
            let body = json_body(request).await?;
            let username = text(&body, "username")?;
            let token = site.core.ask(None, move |world| {
                let uid = world.user_named(&username)?.id.clone();
                Some(world.give_token(&uid).0)
            });
            let token = token
                .await?
                .ok_or_else(|| Wrong(StatusCode::NOT_FOUND, "nobody is called so".to_owned()))?;
            Ok(json_response(&json!({ "token": token })))
        }
        (&Method::POST, "/inject") => {
            let body = json_body(request).await?;
            let event = text(&body, "event")?;
            let args = body.get("args").filter(|args| args.is_array()).cloned();
            let args = args.ok_or_else(|| {
                Wrong(
                    StatusCode::BAD_REQUEST,
                    "args must be a JSON array".to_owned(),
                )
            })?;
            let nodes = audience(&site.mesh, &event);
            site.core.inject(event, args).await?;
            Ok(json_response(&json!({ "broadcast": true, "nodes": nodes })))
        }
        (&Method::GET | &Method::HEAD, path) => match files::file(path) {
            Some((kind, content)) => Ok(response(
                kind,
                Full::new(Bytes::from_static(content.as_bytes())).boxed(),
            )),
            None => Err(Wrong(
                StatusCode::NOT_FOUND,
                format!("nothing is at {path}"),
            )),
        },
        (method, path) => Err(Wrong(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("{method} is not for {path}"),
        )),
    }
}

/// The seeded people; numbered ones are for load generators.
async fn people(site: &Site) -> Result<Value, Wrong> {
    let list = site.core.ask(None, |world| {
        let people = world.users.values().filter(|user| user.password.is_some());
        let mut people: Vec<Value> = people.map(person).collect();
        people.sort_by_key(|person| person["rank"].as_u64());
        Value::Array(people)
    });
    Ok(list.await?)
}

fn person(user: &User) -> Value {
    json!({
        "id": user.id, "username": user.username, "name": user.name, "about": user.bio,
        "status": user.status, "statusText": user.status_text, "statusDefault": user.status_default, "rank": user.rank,
    })
}

fn text(body: &Value, key: &str) -> Result<String, Wrong> {
    let text = body
        .get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty());
    text.map(str::to_owned)
        .ok_or_else(|| Wrong(StatusCode::BAD_REQUEST, format!("{key} must be text")))
}

async fn json_body(request: Request<Incoming>) -> Result<Value, Wrong> {
    let kind = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(Wrong(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body must be application/json".to_owned(),
        ));
    }
    let wrong = |reason: String| Wrong(StatusCode::BAD_REQUEST, reason);
    let body = Limited::new(request.into_body(), LONGEST_BODY)
        .collect()
        .await;
    let bytes = body.map_err(|error| wrong(error.to_string()))?.to_bytes();
    serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))
}

pub(super) fn response(kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn json_response(value: &Value) -> Response<Body> {
    response(
        "application/json",
        Full::new(Bytes::from(value.to_string())).boxed(),
    )
}
