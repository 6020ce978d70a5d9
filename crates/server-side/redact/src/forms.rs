//! The forms in which programs write a value: encoded, escaped, quoted.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

/// Shorter than this, a value (or what one of its forms leaves) cannot be told from ordinary text.
pub(crate) const FORM_BYTES_MIN: usize = 8;

type Text = Zeroizing<Vec<u8>>;

/// One way to write a value.
pub(crate) struct Form {
    pub(crate) text: Text,
    /// From where on, and every how many bytes, a piece of the value would begin; none if pieces are not looked for.
    pub(crate) pieces: Option<(usize, usize)>,
    /// Whether its letters alone are looked for too: it is written in groups, wrapped, or in another case.
    pub(crate) folds: bool,
}

impl Form {
    fn whole(text: String) -> Self {
        Self { text: Zeroizing::new(text.into_bytes()), pieces: None, folds: false }
    }
}

/// Every form of a value except the plain one, in no particular order and with repetitions.
pub(crate) fn encoded_forms(value: &str) -> Vec<Form> {
    let mut forms = Vec::new();
    forms.extend(base64_forms(value.as_bytes()));
    for (hex, folds) in [(hex::encode(value), true), (hex::encode_upper(value), false)] {
        forms.push(Form { pieces: Some((0, 4)), folds, ..Form::whole(hex) });
    }
    forms.extend(url_forms(value));
    let escaped = json_forms(value);
    forms.extend(escaped.iter().map(|text| json_text(text)).map(Form::whole));
    forms.extend(escaped.into_iter().map(Form::whole));
    forms.extend(quoted_forms(value).map(Form::whole));
    forms.extend(doubled_forms(value).map(Form::whole));
    forms.extend(base85_forms(value.as_bytes()).into_iter().map(Form::whole));
    forms.push(Form::whole(value.chars().rev().collect()));
    forms.push(Form::whole(turned(value, rot47)));
    forms.retain(|form| form.text.len() >= FORM_BYTES_MIN);
    forms
}

/// Whole, and for each of the three positions in a larger text the part that does not depend on its neighbours.
fn base64_forms(value: &[u8]) -> Vec<Form> {
    let mut forms = Vec::new();
    for (engine, folds) in [(STANDARD, true), (URL_SAFE, false)] {
        for before in 0..3 {
            let shifted = Zeroizing::new([vec![0; before], value.to_vec()].concat());
            let encoded = Zeroizing::new(engine.encode(&*shifted).into_bytes());
            let (first, last) = ((before * 8).div_ceil(6), shifted.len() * 8 / 6);
            // A piece that is encoded by itself begins where four letters begin.
            let pieces = Some((first.next_multiple_of(4) - first, 4));
            forms.push(Form { text: Zeroizing::new(encoded[first..last].to_vec()), pieces, folds });
            if before == 0 {
                let unpadded = encoded.iter().take_while(|byte| **byte != b'=').copied().collect();
                let whole = [Zeroizing::new(unpadded), encoded];
                forms.extend(whole.map(|text| Form { text, pieces: None, folds: false }));
            }
        }
    }
    forms
}

/// Forms in other alphabets, of which only the letters are looked for: reversed, ROT13, base58, and base32 at each of
/// the five positions in a larger text.
pub(crate) fn other_alphabets(value: &str) -> Vec<Zeroizing<String>> {
    let bytes = value.as_bytes();
    let mut forms =
        vec![value.chars().rev().collect(), turned(value, rot13), bs58::encode(bytes).into_string()];
    for before in 0..5 {
        let shifted = Zeroizing::new([vec![0; before], bytes.to_vec()].concat());
        let encoded = Zeroizing::new(BASE32_NOPAD.encode(&shifted));
        let (first, last) = ((before * 8).div_ceil(5), shifted.len() * 8 / 5);
        forms.push(encoded[first..last].to_owned());
    }
    forms.into_iter().map(Zeroizing::new).collect()
}

fn turned(value: &str, turn: fn(u8) -> u8) -> String {
    value
        .chars()
        .map(|letter| if letter.is_ascii() { char::from(turn(letter as u8)) } else { letter })
        .collect()
}

fn rot13(letter: u8) -> u8 {
    match letter {
        b'a'..=b'z' => (letter - b'a' + 13) % 26 + b'a',
        b'A'..=b'Z' => (letter - b'A' + 13) % 26 + b'A',
        other => other,
    }
}

fn rot47(letter: u8) -> u8 {
    if letter.is_ascii_graphic() { (letter - b'!' + 47) % 94 + b'!' } else { letter }
}

/// Four bytes as five digits, in the three alphabets that are in use: Adobe's, that of Git and Python, that of ZeroMQ.
const BASE85: [&[u8; 85]; 3] = [
    b"!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstu",
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~",
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#",
];

/// Whole, and for each of the four positions in a larger text the groups that do not depend on its neighbours.
fn base85_forms(value: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for alphabet in BASE85 {
        let encoded = |bytes: &[u8]| bytes.chunks(4).map(|group| base85_group(group, alphabet)).collect();
        forms.push(encoded(value));
        forms.extend((0..4).map(|skipped| {
            let rest = value.get(skipped..).unwrap_or_default();
            encoded(&rest[..rest.len() / 4 * 4])
        }));
    }
    forms
}

fn base85_group(group: &[u8], alphabet: &[u8; 85]) -> String {
    let mut number = (0..4).fold(0_u32, |number, at| number << 8 | u32::from(*group.get(at).unwrap_or(&0)));
    let mut digits = [0_u8; 5];
    for digit in digits.iter_mut().rev() {
        *digit = alphabet[(number % 85) as usize];
        number /= 85;
    }
    digits[..=group.len()].iter().copied().map(char::from).collect()
}

fn url_forms(value: &str) -> Vec<Form> {
    let leaves: [fn(u8) -> bool; 4] = [
        |byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte),
        |byte| byte.is_ascii_alphanumeric() || b"-_.~!'()*".contains(&byte),
        |byte| byte.is_ascii_alphanumeric() || b"-_.~!'()*;/?:@&=+$,#".contains(&byte),
        |_| false,
    ];
    let mut forms = Vec::new();
    for leave in leaves {
        forms.push(Form::whole(percent(value, leave, |byte| format!("%{byte:02X}"))));
        forms.push(Form::whole(percent(value, leave, |byte| format!("%{byte:02x}"))));
    }
    // Of an HTML form: a space is a plus.
    let field: fn(u8) -> bool =
        |byte| byte == b' ' || byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte);
    forms.push(Form::whole(percent(value, field, |byte| format!("%{byte:02X}")).replace(' ', "+")));
    // Only what would end the part of an address that it stands in.
    let reserved: fn(u8) -> bool = |byte| !b":/?#[]@!$&'()*+,;=%".contains(&byte) && byte.is_ascii();
    forms.push(Form::whole(percent(value, reserved, |byte| format!("%{byte:02X}"))));
    forms.push(Form::whole(percent(value, reserved, |byte| format!("%{byte:02x}"))));
    forms
}

fn percent(value: &str, leave: fn(u8) -> bool, write: fn(u8) -> String) -> String {
    value.bytes().map(|byte| if leave(byte) { char::from(byte).to_string() } else { write(byte) }).collect()
}

/// As writers of JSON do it: standard, `/` escaped, not ASCII escaped, safe in HTML, everything escaped.
fn json_forms(value: &str) -> Vec<String> {
    let standard = json_text(value);
    let ascii = |text: &str| escape(text, |letter| !letter.is_ascii(), |unit| format!("\\u{unit:04x}"));
    let html = |letter| "<>&'\u{2028}\u{2029}".contains(letter);
    let forms = [
        standard.replace('/', "\\/"),
        ascii(&standard),
        ascii(&standard.replace('/', "\\/")),
        escape(&standard, html, |unit| format!("\\u{unit:04x}")),
        escape(&standard, html, |unit| format!("\\u{unit:04X}")),
        escape(value, |_| true, |unit| format!("\\u{unit:04x}")),
        escape(value, |_| true, |unit| format!("\\u{unit:04X}")),
    ];
    [standard].into_iter().chain(forms).collect()
}

/// The text as it stands between the quotes of a JSON string.
fn json_text(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn escape(text: &str, which: impl Fn(char) -> bool, write: fn(u16) -> String) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        if which(letter) {
            escaped.extend(letter.encode_utf16(&mut [0; 2]).iter().map(|unit| write(*unit)));
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

/// With a sign twice where once would mean something else: SQL, CSV, Compose, systemd. And as a mail has it.
fn doubled_forms(value: &str) -> [String; 6] {
    let twice = |sign: char| value.replace(sign, &format!("{sign}{sign}"));
    let mail: fn(u8) -> bool = |byte| matches!(byte, b' '..=b'~') && byte != b'=';
    let mailed = percent(value, mail, |byte| format!("={byte:02X}"));
    [twice('\''), twice('"'), twice('$'), twice('%'), twice('$').replace('%', "%%"), mailed]
}

/// As shells, password files and HTML write it.
fn quoted_forms(value: &str) -> [String; 9] {
    let backslash = |which: fn(char) -> bool| -> String {
        value.chars().flat_map(|letter| which(letter).then_some('\\').into_iter().chain([letter])).collect()
    };
    let html = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    [
        value.replace('\'', r"'\''"),
        value.replace('\'', r#"'"'"'"#),
        backslash(|letter| {
            letter.is_ascii() && !letter.is_ascii_alphanumeric() && !"_-./=:@+,%".contains(letter)
        }),
        backslash(|letter| letter.is_ascii() && !letter.is_ascii_alphanumeric()),
        backslash(|letter| "\\\"$`".contains(letter)),
        backslash(|letter| "\\'".contains(letter)),
        backslash(|letter| "\\:".contains(letter)),
        value.replace('`', "``").replace('$', "`$").replace('"', "`\""),
        html.replace('\'', "&#39;"),
    ]
}
