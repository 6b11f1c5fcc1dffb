//! How a plate's text is written down.

use icu_normalizer::ComposingNormalizerBorrowed;

/// NFC, upper case, and of that only what a plate's registration is made of: Latin and Thai letters and digits.
/// Spaces, hyphens, dots, bolts read as `°` and letters of other scripts fall: a text recogniser for all the world's
/// scripts sees characters in a crest or a screw that no plate of ours carries.
pub fn normalise(text: &str) -> String {
    let upper = ComposingNormalizerBorrowed::new_nfc().normalize(text).to_uppercase();
    // Upper-casing may decompose (ΐ and the like do), hence again.
    ComposingNormalizerBorrowed::new_nfc().normalize(&upper).chars().filter(|&c| is_plate_character(c)).collect()
}

fn is_plate_character(c: char) -> bool {
    match c {
        '0'..='9' | 'A'..='Z' => true,
        // Ä, Ö, Ü, Č, … of European plates: Latin-1 and Latin Extended-A.
        '\u{c0}'..='\u{17f}' => c.is_alphabetic(),
        // Thai consonants, vowels, tone marks and digits; not ฿, ๏, ๚, ๛.
        '\u{e01}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}' | '\u{e50}'..='\u{e59}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_normalised_text_stays_as_it_is(text in "\\PC{0,20}") {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once);
        }
    }

    #[test]
    fn separators_and_foreign_signs_fall_letters_stay() {
        assert_eq!(normalise(" ab·12-34 c"), "AB1234C");
        assert_eq!(normalise("m-ü 1"), "MÜ1");
        assert_eq!(normalise("M\u{75}\u{308}1"), "MÜ1", "composed");
        assert_eq!(normalise("京A·1234"), "A1234");
        assert_eq!(normalise("4ขท 3055"), "4ขท3055");
        assert_eq!(normalise("°°"), "");
    }
}
