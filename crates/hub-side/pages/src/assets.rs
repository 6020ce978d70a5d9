//! The pages' own files, inside the program.

const ASSETS: [(&str, &str, &str); 3] = [
    ("hub.css", "text/css; charset=utf-8", include_str!("../assets/hub.css")),
    ("hub.js", "text/javascript; charset=utf-8", include_str!("../assets/hub.js")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
];

/// The media type and the text of the file of this name.
#[must_use]
pub fn asset(name: &str) -> Option<(&'static str, &'static str)> {
    ASSETS.into_iter().find(|(known, ..)| *known == name).map(|(_, kind, text)| (kind, text))
}
