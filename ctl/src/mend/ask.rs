//! Questions in the terminal. One key and return; what is not understood is asked again.

use crate::render::out::Out;
use std::io::{self, BufRead, Write};

/// What people say to a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// Make it.
    Yes,
    /// Make it, and every other of the same rule.
    All,
    /// Leave it for another day.
    Skip,
    /// Live with it.
    Ignore,
    /// Why is this a problem?
    Explain,
    /// That is enough for today.
    Quit,
}

impl Answer {
    /// What is typed for it.
    fn of(text: &str) -> Option<Answer> {
        Some(match text.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Answer::Yes,
            "a" | "all" => Answer::All,
            "n" | "no" | "next" | "s" | "skip" | "" => Answer::Skip,
            "i" | "ignore" => Answer::Ignore,
            "e" | "explain" | "?" => Answer::Explain,
            "q" | "quit" => Answer::Quit,
            _ => return None,
        })
    }
}

/// Asks what to do with a change; with nothing that could be done by a machine, only what else there is.
pub(crate) fn ask(out: &mut Out, input: &mut dyn BufRead, can: bool) -> io::Result<Answer> {
    let question = if can {
        "Mend it? [y]es, [n]o, [a]ll of this rule, [i]gnore, [e]xplain, [q]uit: "
    } else {
        "[n]ext (or return), [i]gnore, [e]xplain, [q]uit: "
    };
    loop {
        let Some(text) = line(out, input, question)? else { return Ok(Answer::Quit) };
        match Answer::of(&text) {
            Some(Answer::Yes | Answer::All) if !can => {}
            Some(answer) => return Ok(answer),
            None => {}
        }
    }
}

/// Asks for a line of text; `None` at the end of the input.
pub(crate) fn line(out: &mut Out, input: &mut dyn BufRead, question: &str) -> io::Result<Option<String>> {
    write!(out, "{question}")?;
    out.flush()?;
    let mut text = String::new();
    if input.read_line(&mut text)? == 0 {
        writeln!(out)?;
        return Ok(None);
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Color;

    fn answers(text: &str, can: bool) -> Answer {
        ask(&mut Out::new(Color::Never), &mut text.as_bytes(), can).unwrap()
    }

    #[test]
    fn one_key_will_do_and_doubt_is_no() {
        assert_eq!(answers("y\n", true), Answer::Yes);
        assert_eq!(answers("\n", true), Answer::Skip);
        assert_eq!(answers("what\nYES\n", true), Answer::Yes);
        assert_eq!(answers("", true), Answer::Quit);
    }

    #[test]
    fn return_goes_on_to_the_next() {
        assert_eq!(answers("\ni\n", false), Answer::Skip);
        for word in ["n\n", "next\n", " N \n"] {
            assert_eq!(answers(word, false), Answer::Skip, "{word}");
        }
    }

    #[test]
    fn what_cannot_be_done_cannot_be_agreed_to() {
        assert_eq!(answers("y\na\ni\n", false), Answer::Ignore);
    }
}
