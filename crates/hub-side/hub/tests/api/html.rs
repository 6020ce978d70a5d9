//! A page taken apart, to look at what its elements say and how they belong together.

use std::collections::BTreeMap;

use quick_xml::{Reader, escape::unescape, events::Event};

/// Elements that have no end.
const VOID: [&str; 6] = ["br", "hr", "img", "input", "link", "meta"];

pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    parent: Option<usize>,
}

/// A page: its elements in order, and its texts with the element that each is in.
pub(crate) struct Page {
    pub(crate) elements: Vec<Element>,
    texts: Vec<(usize, String)>,
}

impl Page {
    pub(crate) fn of(html: &str) -> Self {
        let mut reader = Reader::from_str(html);
        // It knows no elements without an end; ends are looked at below.
        reader.config_mut().check_end_names = false;
        let (mut page, mut open) = (Self { elements: Vec::new(), texts: Vec::new() }, Vec::new());
        let mut is_in_text = false;
        loop {
            let event = reader.read_event().unwrap_or_else(|error| panic!("{error}: {html}"));
            let was_in_text = std::mem::take(&mut is_in_text);
            let piece = match &event {
                Event::Text(text) => text.to_string(),
                Event::GeneralRef(name) => unescape(&format!("&{};", &**name)).unwrap().into_owned(),
                Event::Start(start) | Event::Empty(start) => {
                    let parent = open.last().copied();
                    let attribute = |one: quick_xml::events::attributes::Attribute<'_>| {
                        (one.key.0.to_owned(), unescape(&one.value).unwrap().into_owned())
                    };
                    let attributes = start.html_attributes().map(|one| attribute(one.unwrap())).collect();
                    let name = start.name().0.to_owned();
                    if !VOID.contains(&name.as_str()) && !matches!(event, Event::Empty(_)) {
                        open.push(page.elements.len());
                    }
                    page.elements.push(Element { name, attributes, parent });
                    continue;
                }
                Event::End(end) => {
                    let ended = open.pop().map(|place| page.elements[place].name.clone());
                    assert_eq!(ended.as_deref(), Some(end.name().0), "ends that do not fit: {html}");
                    continue;
                }
                Event::Eof => break,
                _ => continue,
            };
            if let Some(place) = open.last() {
                match page.texts.last_mut().filter(|_| was_in_text) {
                    Some((_, text)) => text.push_str(&piece),
                    None => page.texts.push((*place, piece)),
                }
                is_in_text = true;
            }
        }
        assert!(open.is_empty(), "elements that do not end: {html}");
        page
    }

    /// An element and those that it is in.
    pub(crate) fn around(&self, place: usize) -> impl Iterator<Item = &Element> {
        let parent = |place: &usize| self.elements[*place].parent;
        std::iter::successors(Some(place), parent).map(|place| &self.elements[place])
    }

    /// The elements of this name, with their places.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (usize, &'a Element)> {
        self.elements.iter().enumerate().filter(move |(_, one)| one.name == name)
    }

    /// The texts, in one line each, with the place of the element that each is in.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (usize, String)> {
        let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.texts.iter().map(move |(place, text)| (*place, line(text))).filter(|(_, text)| !text.is_empty())
    }

    /// All that is written in an element.
    pub(crate) fn text_in(&self, place: usize) -> String {
        let is_in = |inner: usize| self.around(inner).any(|one| std::ptr::eq(one, &self.elements[place]));
        self.texts().filter(|(inner, _)| is_in(*inner)).map(|(_, text)| text).collect::<Vec<_>>().join(" ")
    }
}
