//! The script of a registration. A plate carries letters of one, so a text with both was misread somewhere.

use serde::Serialize;

/// What the letters of a registration are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Script {
    Latin,
    Thai,
}

impl Script {
    pub const ALL: [Self; 2] = [Self::Latin, Self::Thai];

    /// Is it a letter of this script? Digits are of none.
    pub fn has(self, character: char) -> bool {
        match self {
            Self::Latin => character.is_ascii_alphabetic() || ('\u{c0}'..='\u{17f}').contains(&character),
            Self::Thai => ('\u{e01}'..='\u{e4e}').contains(&character),
        }
    }

    pub fn other(self) -> Self {
        match self {
            Self::Latin => Self::Thai,
            Self::Thai => Self::Latin,
        }
    }

    /// How many letters of it a text has.
    pub fn count(self, text: &str) -> usize {
        text.chars().filter(|&letter| self.has(letter)).count()
    }

    /// The script of a plate by what was read on it. A Thai province decides; without one, a crest or a worn letter is read as a Thai
    /// letter now and then, and Thai registrations have two.
    pub fn of(text: &str, has_province: bool) -> Self {
        let is_thai = has_province || (Self::Thai.count(text) >= 2 && Self::Latin.count(text) == 0);
        if is_thai { Self::Thai } else { Self::Latin }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_province_decides_and_a_single_thai_letter_does_not() {
        assert_eq!(Script::of("EUร664", false), Script::Latin, "a crest");
        assert_eq!(Script::of("ฬ053011", false), Script::Latin);
        assert_eq!(Script::of("4ขท3055", false), Script::Thai, "the province was outside the box");
        assert_eq!(Script::of("4UM3055", true), Script::Thai);
        assert_eq!(Script::of("", false), Script::Latin);
    }

    proptest! {
        #[test]
        fn no_character_is_of_two_scripts(character in any::<char>()) {
            prop_assert!(!(Script::Latin.has(character) && Script::Thai.has(character)));
            prop_assert!(!Script::Latin.has('7') && !Script::Thai.has('7'));
        }
    }
}
