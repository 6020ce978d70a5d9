//! The line of a field: `vhosts[0].port` in TOML, `services.app.ports` in a compose file.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    entry::{line_at, read},
    house_lines,
};

/// The files that fields are looked for in, each read once.
#[derive(Debug, Default)]
pub(super) struct Lines(BTreeMap<PathBuf, Option<String>>);

impl Lines {
    /// The line where a field stands, or the nearest one around it.
    pub(super) fn of(&mut self, file: &Path, field: &str) -> Option<usize> {
        if let Some(line) = field.strip_prefix("line ") {
            return line.parse().ok();
        }
        let text = self.0.entry(file.to_owned()).or_insert_with(|| read(file).ok()).as_deref()?;
        match file.extension()?.to_str()? {
            "toml" => in_toml(text, field),
            "yml" => in_compose(text, field),
            _ => None,
        }
    }
}

fn in_toml(text: &str, field: &str) -> Option<usize> {
    let table = DeTable::parse(text).ok()?;
    let (first, rest) = segments(field).split_first().map(|(first, rest)| (first.clone(), rest.to_vec()))?;
    let (key, mut value) = table.get_ref().get_key_value(first.as_str())?;
    let mut start = key.span().start;
    for segment in rest {
        let Some((place, inner)) = inside(value, &segment) else { break };
        (start, value) = (place, inner);
    }
    Some(line_at(text, start))
}

/// A field of a table, or one of a list by its number, with where it starts.
fn inside<'a, 'i>(
    value: &'a Spanned<DeValue<'i>>,
    segment: &str,
) -> Option<(usize, &'a Spanned<DeValue<'i>>)> {
    match value.get_ref() {
        DeValue::Table(table) => table.get_key_value(segment).map(|(key, value)| (key.span().start, value)),
        DeValue::Array(list) => {
            list.get(segment.parse::<usize>().ok()?).map(|value| (value.span().start, value))
        }
        _ => None,
    }
}

/// `env.".env".PASSWORD` and `vhosts[0].port`, taken apart.
fn segments(field: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut is_quoted = false;
    for letter in field.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            '.' | '[' if !is_quoted => found.push(String::new()),
            ']' if !is_quoted => {}
            letter => found.last_mut().into_iter().for_each(|last| last.push(letter)),
        }
    }
    found
}

/// Ours are indented by two spaces; what is not is found at its service, or not at all.
fn in_compose(text: &str, field: &str) -> Option<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let parts = segments(field);
    let at = |indent: &str, name: &str, from: std::ops::Range<usize>| {
        let wanted = format!("{indent}{name}:");
        from.clone().find(|index| lines[*index].starts_with(&wanted)).map(|index| index + 1)
    };
    match parts.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["services", service, rest @ ..] => {
            let block = house_lines::block(&lines, service)?;
            let own = rest.first().and_then(|field| at("    ", field, block.clone()));
            let below = rest.get(1).zip(own).and_then(|(name, own)| at("      ", name, own..block.end));
            below.or(own).or(Some(block.start + 1))
        }
        [top, name, ..] => at("  ", name, at("", top, 0..lines.len())?..lines.len()),
        [top] => at("", top, 0..lines.len()),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, in_compose, in_toml};

    #[test]
    fn a_file_is_read_once_for_all_its_fields() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tool.toml");
        std::fs::write(&file, "title = \"A\"\nlicence = \"B\"\n").expect("written");
        let mut lines = Lines::default();
        assert_eq!(lines.of(&file, "title"), Some(1));
        std::fs::remove_file(&file).expect("removed");
        assert_eq!(lines.of(&file, "licence"), Some(2));
    }

    #[test]
    fn the_line_of_a_field_is_found_or_the_nearest_one_around_it() {
        let text = "title = \"A\"\n\n[[vhosts]]\nlabel = \"a\"\n[[vhosts]]\nlabel = \"b\"\nport = 1\n\n\
                    [env.\".env\"]\nPASSWORD = \"x\"\n";
        for (field, line) in [
            ("title", Some(1)),
            ("vhosts[0].label", Some(4)),
            ("vhosts[1].port", Some(7)),
            ("vhosts[1].nothing", Some(5)),
            ("env.\".env\".PASSWORD", Some(10)),
            ("nothing", None),
        ] {
            assert_eq!(in_toml(text, field), line, "{field}");
        }
        let text = "services:\n  a:\n    image: x\n  b:\n    image: y\n    environment:\n      A: b\nvolumes:\n  c:\n";
        for (field, line) in [
            ("services.a.image", Some(3)),
            ("services.b.image", Some(5)),
            ("services.b.ports", Some(4)),
            ("services.b.environment.A", Some(7)),
            ("volumes.c", Some(9)),
            ("services.x.image", None),
            ("name", None),
        ] {
            assert_eq!(in_compose(text, field), line, "{field}");
        }
    }
}
