//! What is shipped beside the binary: `compose/` and `deploy/helm/`, read by the programs that will read them.
//! Of the image, how it is made; itself it is tried by `make image-test`.

mod compose;
mod helm;
mod image;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::nats::Nats;
use crate::support::service::{Env, Service};
use crate::support::{free_port, root};

/// Runs a program in a folder of the repository: its standard output, or its standard error where it fails.
fn run(folder: &str, program: impl AsRef<Path>, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program.as_ref())
        .args(arguments)
        .current_dir(root().join(folder))
        .output()
        .unwrap_or_else(|error| panic!("{}: {error} (make fixtures)", program.as_ref().display()));
    let text = |bytes| String::from_utf8(bytes).expect("text");
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}

/// What a container would have in its environment starts the service, but for the addresses: those of this machine.
async fn starts_the_service(mut env: Env) {
    let nats = Nats::start().await;
    for (name, value) in [
        ("TRANSPORTER", nats.url()),
        ("MONGO_URL", "memory:".to_owned()),
        ("PORT", free_port().to_string()),
        ("MS_METRICS_PORT", free_port().to_string()),
    ] {
        env.insert(name.to_owned(), value);
    }
    let service = Service::spawn(&env);
    service.ready().await;
    assert_eq!(service.logged("error"), Vec::<Value>::new());
}
