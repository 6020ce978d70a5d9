//! Printing for people and programs that may stop reading, as `head` does: that is no failure, and what is being done
//! goes on to its end. The standard library's `println!` would panic.
//!
//! A program takes both macros in place of the standard library's, for all of its files:
//! `#[macro_use(print, println)] extern crate letsbe_types;`

use std::{
    fmt,
    io::{self, ErrorKind, Write},
};

/// Prints a text as it is.
pub fn text(text: fmt::Arguments<'_>) {
    said(to(&mut io::stdout().lock(), |out| out.write_fmt(text)));
}

/// Prints bytes as they are.
pub fn bytes(bytes: &[u8]) {
    said(to(&mut io::stdout().lock(), |out| out.write_all(bytes)));
}

/// An error and its causes in one line; a cause that was said already is not said twice.
#[must_use]
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let words = deeper.to_string();
        if !said.contains(&words) {
            said = format!("{said}: {words}");
        }
        cause = deeper.source();
    }
    said
}

fn to<W: Write>(out: &mut W, write: impl FnOnce(&mut W) -> io::Result<()>) -> io::Result<()> {
    match write(out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// A full disk behind `>` is told; there is nobody else to tell it to.
fn said(written: io::Result<()>) {
    if let Err(error) = written {
        let _ = writeln!(io::stderr(), "standard output cannot be written: {error}");
    }
}

/// As the standard library's, but whoever stopped reading is no failure.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => { $crate::print::text(::std::format_args!($($text)*)) };
}

/// As the standard library's, but whoever stopped reading is no failure.
#[macro_export]
macro_rules! println {
    () => { $crate::print::text(::std::format_args!("\n")) };
    ($($text:tt)*) => { $crate::print::text(::std::format_args!("{}\n", ::std::format_args!($($text)*))) };
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind, Write};

    use super::to;

    /// Fails in one way.
    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_stops_reading_is_no_failure_and_a_full_disk_is_one() {
        let write = |kind| to(&mut Failing(kind), |out| out.write_all(b"x")).map_err(|error| error.kind());
        assert_eq!(write(ErrorKind::BrokenPipe), Ok(()));
        assert_eq!(write(ErrorKind::StorageFull), Err(ErrorKind::StorageFull));
        let mut text = Vec::new();
        to(&mut text, |out| out.write_fmt(format_args!("{}\n", format_args!("a {}", 1)))).expect("writes");
        assert_eq!(text, b"a 1\n");
    }
}
