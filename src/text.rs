//! The text to type: what one letter is, which letters count as the same, where words end.
//!
//! Letters are extended grapheme clusters of the NFC form; bytes and UTF-16 units are never counted here.
//! Promise kept here: a [`Target`] has at least one word and no word is empty, so every word can be typed.

#[cfg(not(target_arch = "wasm32"))]
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use crate::error::FieldError;

/// What ends a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// U+0020 or any Unicode space that counts as it.
    Space,
    /// A line break, however the platform spells it.
    Newline,
}

impl Separator {
    /// The separator `grapheme` is, if it is one.
    pub fn of(grapheme: &str) -> Option<Separator> {
        match grapheme {
            "\n" | "\r\n" | "\r" => Some(Separator::Newline),
            _ if canonical(grapheme) == " " => Some(Separator::Space),
            _ => None,
        }
    }

    /// The character it is written as.
    pub fn as_str(self) -> &'static str {
        match self {
            Separator::Space => " ",
            Separator::Newline => "\n",
        }
    }
}

/// The one spelling that stands for all graphemes a keyboard cannot be expected to tell apart.
fn canonical(grapheme: &str) -> &str {
    match grapheme {
        "\u{2019}" | "\u{2018}" | "\u{2bc}" | "\u{5f3}" | "\u{2bb}" => "'",
        "\u{201d}" | "\u{201c}" | "\u{201e}" => "\"",
        "\u{2013}" | "\u{2014}" | "\u{2010}" | "\u{2011}" => "-",
        "\u{201a}" => ",",
        "\u{a0}" | "\u{1680}" | "\u{2002}" | "\u{2003}" | "\u{2004}" | "\u{2007}" | "\u{2008}"
        | "\u{2009}" | "\u{200a}" | "\u{202f}" | "\u{3000}" => " ",
        other => other,
    }
}

/// Whether typing `typed` where `wanted` stands is right. Both are single NFC graphemes.
pub fn same(typed: &str, wanted: &str) -> bool {
    typed == wanted || canonical(typed) == canonical(wanted)
}

/// `text` in NFC, the form every comparison here expects.
#[cfg(not(target_arch = "wasm32"))]
pub fn normalised(text: &str) -> String {
    text.nfc().collect()
}

/// `text` in NFC, the form every comparison here expects.
///
/// The platform does it: NFC of assigned characters is the same in every version of Unicode, and tables of our own would
/// be more than a third of what users download.
#[cfg(target_arch = "wasm32")]
pub fn normalised(text: &str) -> String {
    js_sys::JsString::from(text).normalize("NFC").into()
}

/// The extended grapheme clusters of `normalised`, which must be NFC already.
pub fn graphemes(normalised: &str) -> impl Iterator<Item = &str> {
    normalised.graphemes(true)
}

/// One word of the target: its letters and what ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The graphemes, at least one.
    pub letters: Vec<Box<str>>,
    /// What must be pressed after it; `None` for the last word.
    pub separator: Option<Separator>,
}

/// A target text split into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    text: String,
    words: Vec<Word>,
    graphemes: usize,
}

impl Target {
    /// Splits `text`. Separators that no key press could answer (leading, trailing, or following another one)
    /// belong to no word: a separator on an empty buffer is always rejected, so they could never be typed.
    ///
    /// # Errors
    /// Field `target` when there is no letter in it or it holds a NUL.
    pub fn parse(text: &str) -> Result<Target, FieldError> {
        Target::parse_field(text, "target")
    }

    fn parse_field(text: &str, field: &str) -> Result<Target, FieldError> {
        if text.contains('\0') {
            return Err(FieldError::new(field, "must not contain a NUL character"));
        }
        let text = normalised(text);
        let mut words: Vec<Word> = Vec::new();
        let mut letters: Vec<Box<str>> = Vec::new();
        for grapheme in graphemes(&text) {
            match Separator::of(grapheme) {
                None => letters.push(grapheme.into()),
                Some(_) if letters.is_empty() => {}
                separator => words.push(Word { letters: std::mem::take(&mut letters), separator }),
            }
        }
        if !letters.is_empty() {
            words.push(Word { letters, separator: None });
        }
        let Some(last) = words.last_mut() else {
            return Err(FieldError::new(field, "must contain something to type"));
        };
        last.separator = None;
        let graphemes = words.iter().map(|w| w.letters.len()).sum::<usize>() + words.len() - 1;
        Ok(Target { text, words, graphemes })
    }

    /// Adds words after the last one, which gets a space as its separator.
    ///
    /// # Errors
    /// Field `text`, as [`Target::parse`]; the target is then unchanged.
    pub fn append(&mut self, text: &str) -> Result<(), FieldError> {
        let mut more = Target::parse_field(text, "text")?;
        if let Some(last) = self.words.last_mut() {
            last.separator = Some(Separator::Space);
        }
        self.graphemes += 1 + more.graphemes;
        self.words.append(&mut more.words);
        self.text.push(' ');
        self.text.push_str(&more.text);
        Ok(())
    }

    /// The whole text in NFC, separators as they were given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The words in order, at least one.
    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// Letters plus separators that there are to type.
    pub fn graphemes(&self) -> usize {
        self.graphemes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let target = Target::parse(text).unwrap();
        target
            .words()
            .iter()
            .map(|w| w.letters.concat() + w.separator.map_or("", Separator::as_str))
            .collect()
    }

    #[test]
    fn every_word_but_the_last_owns_its_separator() {
        assert_eq!(words("one two\nthree"), ["one ", "two\n", "three"]);
    }

    #[test]
    fn any_unicode_space_separates_like_a_plain_one() {
        assert_eq!(words("a\u{a0}b\u{3000}c\u{2003}d"), ["a ", "b ", "c ", "d"]);
    }

    #[test]
    fn all_spellings_of_a_line_break_are_one_separator() {
        assert_eq!(words("a\r\nb\rc\nd"), ["a\n", "b\n", "c\n", "d"]);
    }

    #[test]
    fn separators_nobody_could_type_belong_to_no_word() {
        assert_eq!(words("  one\n\ntwo  "), ["one\n", "two"]);
        assert_eq!(Target::parse("  one\n\ntwo  ").unwrap().graphemes(), 7);
    }

    #[test]
    fn a_family_emoji_and_a_letter_with_marks_are_one_letter_each() {
        let target = Target::parse("e\u{301}👨‍👩‍👧👍🏽🇩🇪").unwrap();
        assert_eq!(target.words()[0].letters.len(), 4);
        assert_eq!(&*target.words()[0].letters[0], "é");
    }

    #[test]
    fn a_space_carrying_a_combining_mark_is_a_letter() {
        assert_eq!(words("a \u{301}b").len(), 1);
    }

    #[test]
    fn each_class_of_lookalikes_is_equal_within_and_different_across() {
        let classes = [
            ["\u{2019}", "\u{2018}", "'", "\u{2bc}", "\u{5f3}", "\u{2bb}"].as_slice(),
            &["\"", "\u{201d}", "\u{201c}", "\u{201e}"],
            &["\u{2013}", "\u{2014}", "-", "\u{2010}", "\u{2011}"],
            &[",", "\u{201a}"],
        ];
        for (i, class) in classes.iter().enumerate() {
            for (j, other) in classes.iter().enumerate() {
                for a in class.iter() {
                    for b in other.iter() {
                        assert_eq!(same(a, b), i == j, "{a} and {b}");
                    }
                }
            }
        }
        assert!(!same("a", "A"));
    }

    #[test]
    fn a_target_without_a_letter_or_with_a_nul_is_refused_by_name() {
        for text in ["", " ", "\n\u{a0}\n", "a\0b"] {
            assert_eq!(Target::parse(text).unwrap_err().field, "target");
        }
    }

    #[test]
    fn appended_words_follow_a_space_and_a_refused_append_changes_nothing() {
        let mut target = Target::parse("one two").unwrap();
        let before = target.clone();
        assert_eq!(target.append(" ").unwrap_err().field, "text");
        assert_eq!(target, before);
        target.append("three four").unwrap();
        assert_eq!(target, Target::parse("one two three four").unwrap());
    }
}
