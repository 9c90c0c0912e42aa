//! The page's files, in the program itself.

/// Path, content type, content.
const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("../page/index.html")),
    (
        "/icon.svg",
        "image/svg+xml",
        include_str!("../page/icon.svg"),
    ),
    ("/base.css", CSS, include_str!("../page/base.css")),
    ("/chat.css", CSS, include_str!("../page/chat.css")),
    ("/wire.css", CSS, include_str!("../page/wire.css")),
    ("/main.js", SCRIPT, include_str!("../page/main.js")),
    ("/ddp.js", SCRIPT, include_str!("../page/ddp.js")),
    ("/dialogs.js", SCRIPT, include_str!("../page/dialogs.js")),
    ("/look.js", SCRIPT, include_str!("../page/look.js")),
    ("/map.js", SCRIPT, include_str!("../page/map.js")),
    ("/pane.js", SCRIPT, include_str!("../page/pane.js")),
    ("/person.js", SCRIPT, include_str!("../page/person.js")),
    ("/socket.js", SCRIPT, include_str!("../page/socket.js")),
    ("/trace.js", SCRIPT, include_str!("../page/trace.js")),
    ("/wire.js", SCRIPT, include_str!("../page/wire.js")),
];

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Content type and content.
pub(super) fn file(path: &str) -> Option<(&'static str, &'static str)> {
    let (_, kind, content) = FILES.iter().find(|(known, ..)| *known == path)?;
    Some((kind, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every file that the page asks for is there: none was forgotten in the table.
    #[test]
    fn whatever_the_page_imports_is_served() {
        for (path, _, content) in FILES {
            let quoted = content.split(['\'', '"']).filter(|text| {
                let is_file =
                    text.ends_with(".js") || text.ends_with(".css") || text.ends_with(".svg");
                is_file && !text.contains(' ')
            });
            for name in quoted {
                let name = format!("/{}", name.trim_start_matches("./"));
                assert!(file(&name).is_some(), "{path} asks for {name}");
            }
        }
    }
}
