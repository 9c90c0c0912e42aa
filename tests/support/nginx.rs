//! nginx as it stands in front of a workspace.

use std::path::Path;

use tokio::net::TcpStream;
use tokio::process::Command;

use super::process::{Process, TempDir};
use super::{eventually, free_port};

/// nginx in front of the service; ends with the test.
pub struct Nginx {
    pub port: u16,
    _process: Process,
    _dir: TempDir,
}

impl Nginx {
    /// Passes what comes below `location` on to `target`, `127.0.0.1:<port>` with a path or without (nginx replaces the
    /// location by a path), over this version of HTTP.
    pub async fn start(location: &str, target: &str, version: &str) -> Self {
        let (port, dir) = (free_port(), TempDir::new("nginx"));
        let root = dir.path().display();
        let configuration = format!(
            "daemon off; master_process off; pid {root}/pid; events {{}}
            http {{
                access_log off;
                client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
                uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
                map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
                server {{
                    listen 127.0.0.1:{port};
                    location {location} {{
                        proxy_pass http://{target};
                        proxy_http_version {version};
                        proxy_set_header Upgrade $http_upgrade;
                        proxy_set_header Connection $connection_upgrade;
                        proxy_set_header Host $host;
                        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                    }}
                }}
            }}"
        );
        let file = dir.path().join("nginx.conf");
        std::fs::write(&file, configuration).expect("written");
        // Not everybody looks where Debian has it.
        let installed = Path::new("/usr/sbin/nginx");
        let mut command = Command::new(if installed.exists() {
            installed
        } else {
            Path::new("nginx")
        });
        command.args(["-e", "stderr", "-p"]).arg(dir.path());
        command.arg("-c").arg(&file);
        let (process, ..) = Process::start("nginx", command);
        eventually("nginx accepts", || async {
            TcpStream::connect(("127.0.0.1", port)).await.ok()
        })
        .await;
        Self {
            port,
            _process: process,
            _dir: dir,
        }
    }
}
