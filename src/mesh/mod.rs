//! STUB of the face of the mesh room (the real one is being built in /work/wt/mesh).
#![allow(missing_docs, clippy::todo)]
use crate::ddp::Code as StubCode;
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Arc<str>);
impl NodeId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
#[derive(Clone)]
pub struct Mesh(Arc<()>);
pub struct Call<'a> {
    pub action: &'a str,
    pub params: &'a str,
    pub repeatable: bool,
    pub timeout: Option<Duration>,
    pub node: Option<&'a NodeId>,
}
impl<'a> Call<'a> {
    pub fn new(action: &'a str, params: &'a str) -> Self {
        Self {
            action,
            params,
            repeatable: false,
            timeout: None,
            node: None,
        }
    }
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    Unknown,
    V6,
    V8,
    Mixed,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    Unknown,
    None,
    Some,
    All,
}
#[derive(Debug, thiserror::Error)]
#[error("stub")]
pub struct CallError;
#[derive(Debug, Clone)]
pub struct MeteorError {
    pub code: StubCode,
    pub reason: Option<String>,
    pub message: String,
    pub details: Option<Box<RawValue>>,
}
impl CallError {
    pub fn is_unknown_service(&self) -> bool {
        todo!()
    }
    pub fn meteor(&self) -> Option<MeteorError> {
        todo!()
    }
}
pub struct Event<'a> {
    pub name: Cow<'a, str>,
    pub data: &'a RawValue,
    pub sender: &'a str,
    pub broadcast: bool,
}
pub trait EventListener: Send + Sync {
    fn event(&self, event: &Event<'_>);
}
impl Mesh {
    pub async fn call(&self, _call: Call<'_>) -> Result<Option<Box<RawValue>>, CallError> {
        todo!()
    }
    pub fn broadcast(&self, _event: &str, _args: &str) {
        todo!()
    }
    pub fn offers(&self, _action: &str) -> bool {
        todo!()
    }
    pub fn release(&self) -> Release {
        todo!()
    }
    pub fn meteor_lists(&self, _event: &str) -> Listing {
        todo!()
    }
    pub fn topology(&self) -> tokio::sync::watch::Receiver<u64> {
        todo!()
    }
    pub fn node_id(&self) -> &NodeId {
        todo!()
    }
    pub fn nodes_of(&self, _service: &str) -> Vec<NodeId> {
        todo!()
    }
    pub fn services(&self) -> Vec<String> {
        todo!()
    }
}
