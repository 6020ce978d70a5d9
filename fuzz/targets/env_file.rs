//! Any file is read or refused; a value that is written is read back, and the others stay.
#![no_main]

use letsbe_vault::EnvFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, String)| {
    let (content, value) = input;
    let Ok(file) = EnvFile::parse(&content) else { return };
    let names: Vec<String> = file.variables().keys().map(|name| (*name).to_owned()).collect();
    let Some(name) = names.first() else { return };
    let wanted = value.as_str().into();
    // What refers to a variable changes with it.
    if content.contains(&b'$') {
        return;
    }
    if let Ok(text) = file.with(name, &wanted) {
        let read = EnvFile::parse(text.expose().as_bytes()).expect("what was written is read");
        assert_eq!(read.get(name).expect("it is there").expose(), &value);
        for other in &names[1..] {
            assert_eq!(read.get(other), file.get(other));
        }
    }
});
