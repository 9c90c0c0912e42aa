//! How the image is made, as far as that can be told without making it.

use crate::support::root;

/// `/etc/group` of Alpine: what `addgroup` refuses.
const GROUPS: &[(&str, u32)] = &[
    ("root", 0),
    ("bin", 1),
    ("daemon", 2),
    ("sys", 3),
    ("adm", 4),
    ("tty", 5),
    ("disk", 6),
    ("lp", 7),
    ("kmem", 9),
    ("wheel", 10),
    ("floppy", 11),
    ("mail", 12),
    ("news", 13),
    ("uucp", 14),
    ("cron", 16),
    ("audio", 18),
    ("cdrom", 19),
    ("dialout", 20),
    ("ftp", 21),
    ("sshd", 22),
    ("input", 23),
    ("tape", 26),
    ("video", 27),
    ("netdev", 28),
    ("kvm", 34),
    ("games", 35),
    ("shadow", 42),
    ("www-data", 82),
    ("users", 100),
    ("ntp", 123),
    ("abuild", 300),
    ("utmp", 406),
    ("ping", 999),
    ("nogroup", 65533),
    ("nobody", 65534),
];

/// The instructions of a stage, each a line.
fn stage(name: &str) -> Vec<String> {
    let file = std::fs::read_to_string(root().join("docker/Dockerfile")).expect("the Dockerfile");
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    let file = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let begins = |line: &&str| line.starts_with("FROM ");
    let lines = file
        .lines()
        .skip_while(|line| !(begins(line) && line.ends_with(&format!(" AS {name}"))));
    let mut lines = lines.map(str::to_owned);
    let from = lines.next().expect("the stage");
    std::iter::once(from)
        .chain(lines.take_while(|line| !begins(&line.as_str())))
        .collect()
}

/// The commands that a stage runs, as words.
fn commands(stage: &[String]) -> Vec<Vec<&str>> {
    let runs = stage.iter().filter_map(|line| line.strip_prefix("RUN "));
    runs.flat_map(|line| line.split("&&"))
        .map(|command| command.split_whitespace().collect())
        .collect()
}

fn option<'a>(command: &[&'a str], name: &str) -> Option<&'a str> {
    let at = command.iter().position(|word| *word == name)?;
    command.get(at + 1).copied()
}

/// busybox makes no group whose id another has, and no user in a group that is not there.
#[test]
fn alpine_takes_its_user_and_group() {
    let alpine = stage("alpine");
    let mut groups: Vec<(&str, u32)> = GROUPS.to_vec();
    let mut users = Vec::new();
    for command in commands(&alpine) {
        match *command.first().expect("a command") {
            "addgroup" => {
                let id: u32 = option(&command, "-g")
                    .expect("an id")
                    .parse()
                    .expect("a number");
                assert!(groups.iter().all(|(_, taken)| *taken != id), "{command:?}");
                groups.push((command.last().expect("a name"), id));
            }
            "sed" => {
                let change = command
                    .iter()
                    .find_map(|word| word.strip_prefix("'s/^"))
                    .expect("a change");
                let (from, to) = change.split_once(":/").expect("a name");
                let to = to.strip_suffix(":/'").expect("another name");
                let group = groups.iter_mut().find(|(name, _)| *name == from);
                group.expect("a group to rename").0 = to;
            }
            "adduser" => {
                let id: u32 = option(&command, "-u")
                    .expect("an id")
                    .parse()
                    .expect("a number");
                let group = option(&command, "-G").expect("a group");
                let group = groups.iter().find(|(name, _)| *name == group);
                users.push((*command.last().expect("a name"), id, group.copied()));
            }
            _ => {}
        }
    }
    let name = "ddp-streamer";
    assert_eq!(users, [(name, 65533, Some((name, 65533)))]);
    assert!(
        alpine.contains(&"USER 65533:65533".to_owned()),
        "{alpine:#?}"
    );
    let licences = "COPY --from=build /out/usr/share/licences.txt /usr/share/licences.txt";
    assert!(alpine.contains(&licences.to_owned()), "{alpine:#?}");
}
