//! The file that lines also go to. The service does not start where it cannot be written, and nothing is created to find that out.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use rustix::fs::{Access, access};

use super::report::Finding;

pub(super) fn judge(path: &Path) -> Finding {
    let said = |what: &str| format!("LOG_FILE_PATH={}: {what}", path.display());
    match look(path) {
        Ok(true) => Finding::ok("log file", said("it can be written")),
        Ok(false) => Finding::ok("log file", said("not there yet, and can be created")),
        Err(error) => Finding::wrong(
            "log file",
            said(&error.to_string()),
            "correct it, or let this user write there: the service does not start with it",
        ),
    }
}

/// Whether it is there already.
fn look(path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(about) if about.is_file() || about.is_dir() => {
            OpenOptions::new().append(true).open(path)?;
            Ok(true)
        }
        // A pipe would be waited for until somebody reads it.
        Ok(_) => {
            access(path, Access::WRITE_OK)?;
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = path.parent().filter(|folder| *folder != Path::new(""));
            let folder = folder.unwrap_or(Path::new("."));
            access(folder, Access::WRITE_OK | Access::EXEC_OK)?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_at_and_left_alone() {
        let folder = std::env::temp_dir().join(format!("ddp-streamer-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        let file = folder.join("streamer.log");
        let told =
            |path: &Path, verdict: &str| format!("LOG_FILE_PATH={}: {verdict}", path.display());
        let absent = judge(&file);
        assert_eq!(
            absent,
            Finding::ok("log file", told(&file, "not there yet, and can be created"))
        );
        assert!(!file.exists());
        fs::write(&file, "a line\n").unwrap();
        assert_eq!(
            judge(&file),
            Finding::ok("log file", told(&file, "it can be written"))
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), "a line\n");
        let advice = "correct it, or let this user write there: the service does not start with it";
        let below = file.join("x.log");
        for (path, error) in [
            (&folder, "Is a directory (os error 21)"),
            (&below, "Not a directory (os error 20)"),
        ] {
            assert_eq!(
                judge(path),
                Finding::wrong("log file", told(path, error), advice)
            );
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
