//! `LOG_FILE_PATH`: a file that is put aside each day, and opened anew when somebody else (logrotate) put it aside.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use time::Date;

use super::date::day;

/// Names tried for a day's file when others are taken: a service that was restarted, or another one that shares the path.
const MAX_SAME_DAY: u32 = 1000;

/// Somebody asked for the file to be opened anew.
static ANEW: AtomicBool = AtomicBool::new(false);

/// The path is opened anew for the next line, whatever it means: SIGHUP asks so.
pub fn reopen() {
    ANEW.store(true, Ordering::Relaxed);
}

/// The file being written.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    /// Device and inode of `file`: the path may come to mean another.
    identity: (u64, u64),
    /// The day of the lines in `file`.
    day: Date,
    /// When the path was last looked at, in seconds: once a second is enough.
    looked: u64,
    /// Only a regular file is put aside: renaming a device (`/dev/stderr`, say) would take it away from everybody.
    regular: bool,
}

impl LogFile {
    /// Opens the file for appending, and creates it where it is not there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let (file, about) = append(path)?;
        let day = if about.len() > 0 {
            day(about.modified()?)
        } else {
            day(SystemTime::now())
        };
        Ok(Self {
            path: path.to_owned(),
            file,
            identity: identity(&about),
            day,
            looked: 0,
            regular: about.is_file(),
        })
    }

    /// Before a line of `now`: a new day puts the file aside; a path that means another file is opened anew. Whatever fails, the open file is
    /// written on, and the next second tries again.
    fn look(&mut self, now: SystemTime) {
        let second = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let anew = ANEW.swap(false, Ordering::Relaxed);
        if second == self.looked && !anew {
            return;
        }
        self.looked = second;
        let still_ours =
            !anew && fs::metadata(&self.path).is_ok_and(|about| identity(&about) == self.identity);
        let today = day(now);
        if still_ours && (today == self.day || !self.regular) {
            return;
        }
        if still_ours && self.put_aside().is_err() {
            return;
        }
        if let Ok((file, about)) = append(&self.path) {
            self.file = file;
            // One that stays what it was has the lines of its day.
            if identity(&about) != self.identity {
                self.identity = identity(&about);
                self.regular = about.is_file();
                self.day = today;
            }
        }
    }

    /// `<path>.<date>`, or `<path>.<date>.<n>` when that name is taken.
    fn put_aside(&self) -> io::Result<()> {
        let mut aside = self.path.clone().into_os_string();
        aside.push(format!(".{}", self.day));
        let mut free = PathBuf::from(&aside);
        for number in 1..MAX_SAME_DAY {
            if !free.exists() {
                break;
            }
            let mut next = aside.clone();
            next.push(format!(".{number}"));
            free = next.into();
        }
        fs::rename(&self.path, free)
    }
}

fn append(path: &Path) -> io::Result<(File, Metadata)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let about = file.metadata()?;
    Ok((file, about))
}

fn identity(about: &Metadata) -> (u64, u64) {
    (about.dev(), about.ino())
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.look(SystemTime::now());
        self.file.write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("ddp-streamer-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        folder
    }

    fn write_at(file: &mut LogFile, now: SystemTime, line: &str) {
        file.look(now);
        file.file.write_all(line.as_bytes()).unwrap();
    }

    // contract: configuration/variable/LOG_FILE_PATH
    #[test]
    fn each_day_has_its_file() {
        let folder = folder("days");
        let path = folder.join("x.log");
        let now = SystemTime::now();
        let mut file = LogFile::open(&path).unwrap();
        write_at(&mut file, now, "one\n");
        write_at(&mut file, now + DAY, "two\n");
        write_at(&mut file, now + DAY, "three\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\nthree\n");
        let aside = folder.join(format!("x.log.{}", day(now)));
        assert_eq!(fs::read_to_string(&aside).unwrap(), "one\n");

        let mut again = LogFile::open(&path).unwrap();
        again.day = day(now);
        write_at(&mut again, now + 2 * DAY, "four\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "four\n");
        assert_eq!(
            fs::read_to_string(folder.join(format!("x.log.{}.1", day(now)))).unwrap(),
            "two\nthree\n"
        );
        assert_eq!(
            fs::read_to_string(&aside).unwrap(),
            "one\n",
            "nothing is overwritten"
        );
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_was_moved_or_deleted_is_opened_anew() {
        let folder = folder("moved");
        let path = folder.join("x.log");
        let now = SystemTime::now();
        let mut file = LogFile::open(&path).unwrap();
        write_at(&mut file, now, "one\n");
        fs::rename(&path, folder.join("x.log.1")).unwrap();
        write_at(&mut file, now, "still there\n");
        write_at(&mut file, now + Duration::from_secs(1), "two\n");
        assert_eq!(
            fs::read_to_string(folder.join("x.log.1")).unwrap(),
            "one\nstill there\n"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
        fs::remove_file(&path).unwrap();
        write_at(&mut file, now + Duration::from_secs(2), "three\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
        fs::remove_dir_all(folder).unwrap();
    }

    // contract: configuration/variable/LOG_FILE_PATH
    #[test]
    fn a_device_is_never_put_aside() {
        let folder = folder("device");
        let path = folder.join("x.log");
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        let now = SystemTime::now();
        let mut file = LogFile::open(&path).unwrap();
        write_at(&mut file, now + DAY, "tomorrow\n");
        assert!(path.is_symlink());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_path_that_cannot_be_opened_is_an_error() {
        assert!(LogFile::open(Path::new("/nowhere/at/all.log")).is_err());
        assert!(LogFile::open(Path::new("/tmp")).is_err());
    }
}
