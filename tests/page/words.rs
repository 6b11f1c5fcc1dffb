//! The two dictionaries hold the same texts, and the page says nothing that is in neither.

use crate::dictionaries::hold_together;

#[test]
fn both_languages_have_every_text_that_the_page_uses_and_no_other() {
    hold_together("src/server/page", &[], 150);
}
