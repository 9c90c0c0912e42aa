//! Who knows whom inside the mesh: its face, the two brokers, and what both stand on (ARCHITECTURE.md, "Inside the mesh").

use std::path::Path;

use super::{circles, root};

/// Where a file of `src/mesh/` stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `mod.rs`, which says what other rooms see.
    Door,
    /// `broker.rs`, which picks.
    Picker,
    /// `node.rs`: the node as other rooms hold it.
    Node,
    /// `survey.rs`: what a look from outside found.
    Survey,
    /// What everybody in the mesh speaks of: calls, events, errors, configuration, names.
    Word,
    Moleculer,
    Plain,
    Shared,
}

use Place::{Door, Moleculer, Node, Picker, Plain, Shared, Survey, Word};

fn place(file: &Path) -> Option<Place> {
    let inside = file.strip_prefix(root().join("src/mesh")).ok()?;
    Some(match inside.iter().next()?.to_str()? {
        "mod.rs" => Door,
        "broker.rs" => Picker,
        "node.rs" => Node,
        "survey.rs" => Survey,
        "moleculer" => Moleculer,
        "plain" => Plain,
        "shared" => Shared,
        _ => Word,
    })
}

fn may_know(place: Place) -> &'static [Place] {
    match place {
        Door => &[Picker, Node, Survey, Word, Moleculer, Shared],
        Picker => &[Survey, Word, Moleculer, Plain, Shared],
        Node => &[Picker, Word, Shared],
        Survey | Word => &[Word, Shared],
        Moleculer => &[Moleculer, Survey, Word, Shared],
        Plain => &[Plain, Survey, Word, Shared],
        Shared => &[Word, Shared],
    }
}

#[test]
fn the_brokers_do_not_know_each_other_nor_does_what_they_stand_on() {
    let mut wrong = Vec::new();
    let mut both = 0;
    for (file, used) in circles::library() {
        let Some(here) = place(&file) else { continue };
        let there: Vec<_> = used.iter().filter_map(|file| place(file)).collect();
        if here == Picker {
            both += usize::from(there.contains(&Moleculer) && there.contains(&Plain));
        }
        wrong.extend(
            there
                .into_iter()
                .filter(|there| !may_know(here).contains(there))
                .map(|there| format!("{} knows {there:?}", file.display())),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(both, 1, "broker.rs picks one of the two");
}
