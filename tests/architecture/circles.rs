//! Files that import each other in a circle: found by the paths in their tokens, anywhere in `src/`.
//!
//! A path uses the deepest file that it names: `super::Call` the room's `mod.rs`, `super::calls::Call` the file. `mod x;` is no use,
//! `pub use x::X;` is one. So a `mod.rs` is either the face of its parts or what they share, and not both.
//!
//! `cargo test --test capability -- architecture::circles --nocapture` prints each circle with the imports it is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::{code_files, root};

/// Files that may import each other: a thing, its parts, and what they share.
const LARGEST: usize = 3;

/// Folders in which a larger circle still stands; each leaves with its circle.
const STILL_STANDING: &[&str] = &[];

/// A module's path in its crate; the root's is empty.
type Module = Vec<String>;
pub(super) type Uses = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// The files of one crate by the module that each is.
struct Crate {
    files: BTreeMap<Module, PathBuf>,
}

impl Crate {
    /// `root` is the crate's first file; the modules lie beside it.
    fn new(root: &Path, files: &[PathBuf]) -> Self {
        let dir = root.parent().expect("a folder");
        let module = |file: &PathBuf| -> Module {
            if file == root {
                return Vec::new();
            }
            let inside = file.strip_prefix(dir).expect("a file of the crate");
            let mut module: Module = inside
                .with_extension("")
                .iter()
                .map(|part| part.to_string_lossy().into_owned())
                .collect();
            if module.last().is_some_and(|last| last == "mod") {
                module.pop();
            }
            module
        };
        Self {
            files: files
                .iter()
                .map(|file| (module(file), file.clone()))
                .collect(),
        }
    }

    /// The file that a path ends in: the deepest module that is one.
    fn file_of(&self, path: &[String]) -> Option<&PathBuf> {
        (0..=path.len())
            .rev()
            .find_map(|length| self.files.get(&path[..length]))
    }

    fn uses(&self) -> Uses {
        let mut all = Uses::new();
        for (module, file) in &self.files {
            let text = std::fs::read_to_string(file).expect("a source");
            let tokens: TokenStream = text.parse().expect("Rust");
            let mut paths = BTreeSet::new();
            paths_of(tokens, module, &mut paths);
            let mut used: BTreeSet<_> = paths
                .iter()
                .filter_map(|path| self.file_of(path))
                .cloned()
                .collect();
            used.remove(file);
            all.insert(file.clone(), used);
        }
        all
    }
}

/// All paths in `tokens` that begin in this crate, made absolute. What is compiled for tests alone is left out.
fn paths_of(tokens: TokenStream, here: &[String], out: &mut BTreeSet<Module>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let children = declared(&tokens);
    walk(&tokens, here, &children, out);
}

/// The modules that `mod name;` and `mod name { … }` declare.
fn declared(tokens: &[TokenTree]) -> BTreeSet<String> {
    tokens
        .windows(2)
        .filter(|pair| word(pair.first()).as_deref() == Some("mod"))
        .filter_map(|pair| word(pair.get(1)))
        .collect()
}

fn walk(
    tokens: &[TokenTree],
    here: &[String],
    children: &BTreeSet<String>,
    out: &mut BTreeSet<Module>,
) {
    let mut at = 0;
    while at < tokens.len() {
        if for_tests(&tokens[at..]) {
            at = after_item(tokens, at);
            continue;
        }
        let next = tokens.get(at + 1);
        match (word(tokens.get(at)).as_deref(), next) {
            (Some("mod"), Some(_)) => {
                // A declaration is no use; what an inline module uses, its file uses.
                if let (Some(name), Some(inside)) = (word(next), group(tokens.get(at + 2))) {
                    paths_of(inside, &[here, &[name]].concat(), out);
                    at += 1;
                }
                at += 2;
            }
            // `pub(super)` and `pub(in crate::mesh)` say who may see, not what is used.
            (Some("pub"), Some(TokenTree::Group(_))) => at += 2,
            (Some(first), _) if !follows(tokens, at) && colons(tokens, at + 1) => {
                let base = match first {
                    "crate" => Some(Vec::new()),
                    "self" => Some(here.to_vec()),
                    "super" => Some(above(here)),
                    child if children.contains(child) => Some([here, &[child.to_owned()]].concat()),
                    _ => None,
                };
                at = path(tokens, at + 1, base, out);
            }
            _ => {
                if let Some(inside) = group(tokens.get(at)) {
                    let inside: Vec<TokenTree> = inside.into_iter().collect();
                    walk(&inside, here, children, out);
                }
                at += 1;
            }
        }
    }
}

/// Reads `::word::word` or `::{…}` at `at` as what stands below `base`, and says where it ends. A path without a base begins in
/// another crate, and is passed over.
fn path(
    tokens: &[TokenTree],
    mut at: usize,
    mut base: Option<Module>,
    out: &mut BTreeSet<Module>,
) -> usize {
    while colons(tokens, at) {
        let next = tokens.get(at + 2);
        if let Some(name) = word(next) {
            base = base.map(|base| below(base, name));
        } else if let (Some(TokenTree::Group(group)), Some(base)) = (next, &base) {
            let branches: Vec<TokenTree> = group.stream().into_iter().collect();
            for branch in branches.split(|token| is(Some(token), ',')) {
                // `*` has no word; a comma at the end leaves nothing.
                let Some(first) = word(branch.first()) else {
                    out.extend((!branch.is_empty()).then(|| base.clone()));
                    continue;
                };
                path(branch, 1, Some(below(base.clone(), first)), out);
            }
            return at + 3;
        } else {
            break;
        }
        at += 3;
    }
    out.extend(base);
    at
}

fn above(module: &[String]) -> Module {
    module[..module.len().saturating_sub(1)].to_vec()
}

fn below(mut base: Module, name: String) -> Module {
    match name.as_str() {
        "self" => {}
        "super" => {
            base.pop();
        }
        _ => base.push(name),
    }
    base
}

fn is(token: Option<&TokenTree>, punct: char) -> bool {
    matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == punct)
}

fn colons(tokens: &[TokenTree], at: usize) -> bool {
    is(tokens.get(at), ':') && is(tokens.get(at + 1), ':')
}

/// Whether the word at `at` goes on with what stands before it: `a::word`, `value.word`.
fn follows(tokens: &[TokenTree], at: usize) -> bool {
    at >= 1 && is(tokens.get(at - 1), '.') || at >= 2 && colons(tokens, at - 2)
}

fn word(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(word)) => Some(word.to_string()),
        _ => None,
    }
}

fn group(token: Option<&TokenTree>) -> Option<TokenStream> {
    match token {
        Some(TokenTree::Group(group)) => Some(group.stream()),
        _ => None,
    }
}

fn for_tests(tokens: &[TokenTree]) -> bool {
    is(tokens.first(), '#')
        && group(tokens.get(1)).is_some_and(|attribute| {
            let text: String = attribute.to_string().split_whitespace().collect();
            text == "cfg(test)" || text.starts_with("cfg(all(test,")
        })
}

/// Behind the item that begins at `at`: its `;` or its braces.
fn after_item(tokens: &[TokenTree], at: usize) -> usize {
    let ends = |token: &TokenTree| {
        is(Some(token), ';')
            || matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
    };
    let length = tokens[at..].iter().position(ends);
    length.map_or(tokens.len(), |length| at + length + 1)
}

/// All files that can be reached from `from` by at least one use.
fn reached<'a>(uses: &'a Uses, from: &Path) -> BTreeSet<&'a PathBuf> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&PathBuf> = uses[from].iter().collect();
    while let Some(file) = next.pop() {
        if found.insert(file) {
            next.extend(&uses[file]);
        }
    }
    found
}

/// The circles of two files and more (strongly connected components), the largest first.
fn circles(uses: &Uses) -> Vec<BTreeSet<&PathBuf>> {
    let reached: BTreeMap<_, _> = uses
        .keys()
        .map(|file| (file, reached(uses, file)))
        .collect();
    let mut circles: Vec<BTreeSet<&PathBuf>> = uses
        .keys()
        .filter(|file| reached[file].contains(file))
        .map(|file| {
            let back = |other: &&&PathBuf| reached[**other].contains(file);
            reached[file].iter().filter(back).copied().collect()
        })
        .collect();
    circles.sort_by_key(|circle: &BTreeSet<_>| {
        (std::cmp::Reverse(circle.len()), circle.first().copied())
    });
    circles.dedup();
    circles
}

/// A circle with the uses that it is made of, one file a line.
fn told(circle: &BTreeSet<&PathBuf>, uses: &Uses) -> String {
    use std::fmt::Write;

    let root = root();
    let name = |file: &Path| {
        file.strip_prefix(&root)
            .unwrap_or(file)
            .display()
            .to_string()
    };
    let mut text = format!("a circle of {} files:\n", circle.len());
    for file in circle {
        let inside: Vec<_> = uses[*file]
            .iter()
            .filter(|used| circle.contains(used))
            .map(|used| name(used))
            .collect();
        let _ = writeln!(text, "  {} uses {}", name(file), inside.join(", "));
    }
    text
}

/// Which files of the library use which.
pub(super) fn library() -> Uses {
    crates().swap_remove(0).uses()
}

/// The library, the command line and the load generator: each a crate of its own.
fn crates() -> Vec<Crate> {
    let src = root().join("src");
    let bench = src.join("bin/ddp-bench");
    let (main, commands) = (src.join("main.rs"), src.join("commands"));
    let files = code_files(&src);
    let of = |root: &Path, belongs: &dyn Fn(&Path) -> bool| {
        let own: Vec<_> = files.iter().filter(|file| belongs(file)).cloned().collect();
        Crate::new(root, &own)
    };
    let binary = |file: &Path| file == main || file.starts_with(&commands);
    vec![
        of(&src.join("lib.rs"), &|file| {
            !binary(file) && !file.starts_with(src.join("bin"))
        }),
        of(&main, &binary),
        of(&bench.join("main.rs"), &|file| file.starts_with(&bench)),
    ]
}

#[test]
fn no_large_circle_of_files() {
    let mut excused = BTreeSet::new();
    let mut too_large = String::new();
    for uses in crates().iter().map(Crate::uses) {
        for circle in circles(&uses) {
            let told = told(&circle, &uses);
            println!("{told}");
            let lies_in = |folder: &&&str| {
                let folder = root().join(folder);
                circle.iter().all(|file| file.starts_with(&folder))
            };
            match STILL_STANDING.iter().find(lies_in) {
                _ if circle.len() <= LARGEST => {}
                Some(folder) => {
                    excused.insert(*folder);
                }
                None => too_large += &told,
            }
        }
    }
    assert!(too_large.is_empty(), "{too_large}");
    let listed: BTreeSet<&str> = STILL_STANDING.iter().copied().collect();
    assert_eq!(
        excused, listed,
        "a folder without a large circle leaves STILL_STANDING"
    );
}

#[test]
fn paths_are_found_in_every_form() {
    let code = r##"
        mod child;
        pub use child::Thing;
        use super::{sister, other::{self, deep::Name as Renamed}, *};
        use crate::{a::{b, c::D}, e};
        use std::collections::BTreeMap;
        #[cfg(test)]
        use crate::tests_only;
        #[cfg(test)]
        mod tests { use crate::tests_only; }
        mod inline { use super::Near; }
        pub(in crate::not_a_use) fn f(x: &crate::typed::X) -> crate::returned::Y {
            // crate::in_a_comment
            let text = "crate::in_a_text";
            println!("{}", crate::in_a_macro::f(text, self.child::<u8>(), foreign::crate_like()));
            super::super::far::call()
        }
    "##;
    let here = ["room".to_owned(), "file".to_owned()];
    let mut found = BTreeSet::new();
    paths_of(code.parse().expect("Rust"), &here, &mut found);
    let found: Vec<String> = found.iter().map(|path| path.join("::")).collect();
    assert_eq!(
        found,
        [
            "a::b",
            "a::c::D",
            "e",
            "far::call",
            "in_a_macro::f",
            "returned::Y",
            "room",
            "room::file::Near",
            "room::file::child::Thing",
            "room::other",
            "room::other::deep::Name",
            "room::sister",
            "typed::X",
        ]
    );
}

#[test]
fn circles_are_strongly_connected() {
    let file = |name: &str| PathBuf::from(name);
    let uses: Uses = [
        ("a", "b"),
        ("b", "c"),
        ("c", "a"),
        ("d", "a"),
        ("e", "f"),
        ("f", "e"),
        ("a", "g"),
    ]
    .into_iter()
    .fold(Uses::new(), |mut uses, (from, to)| {
        uses.entry(file(from)).or_default().insert(file(to));
        uses.entry(file(to)).or_default();
        uses
    });
    let named: Vec<Vec<_>> = circles(&uses)
        .iter()
        .map(|circle| {
            circle
                .iter()
                .map(|file| file.display().to_string())
                .collect()
        })
        .collect();
    assert_eq!(named, [vec!["a", "b", "c"], vec!["e", "f"]]);
}
