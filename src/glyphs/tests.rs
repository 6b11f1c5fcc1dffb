use super::*;
use proptest::prelude::*;

fn ink(mask: &Mask) -> u64 {
    mask.alpha.iter().map(|a| u64::from(*a)).sum()
}

/// FNV-1a, 64 bits.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn every_letter_a_plate_can_carry_is_in_the_font() {
    let missing = rasterise("\u{4e2d}", 40.0);
    let letters = ('A'..='Z').chain('0'..='9').chain('\u{e01}'..='\u{e2e}').chain("-–·•".chars());
    for c in letters {
        assert_ne!(rasterise(&c.to_string(), 40.0).alpha, missing.alpha, "{c}");
        assert!(ink(&rasterise(&c.to_string(), 40.0)) > 0, "{c}");
    }
}

#[test]
fn a_missing_character_is_a_visible_box_as_wide_as_it_says() {
    let one = rasterise("\u{4e2d}", 40.0);
    assert!(ink(&one) > 0);
    assert_eq!(outline("\u{4e2d}\u{1f697}", 40.0).advance, 48.0);
}

#[test]
fn thai_marks_take_no_width_and_stand_above_their_letter() {
    let (bare, marked) = (outline("กน", 100.0), outline("กึ้น", 100.0));
    assert_eq!(bare.advance, marked.advance);
    let top = |o: &Outline| o.path.as_ref().unwrap().bounds().top();
    assert!(top(&marked) < top(&bare) - 30.0, "{} {}", top(&marked), top(&bare));
}

#[test]
fn capitals_are_as_high_as_the_constant_says() {
    let bounds = outline("H", 100.0).path.unwrap().bounds();
    assert!((bounds.top() + 100.0 * CAP_HEIGHT).abs() < 1.0 && bounds.bottom().abs() < 1.0, "{bounds:?}");
}

#[test]
fn lines_of_one_size_stand_level() {
    let masks = ["Agjy", "กรุงเทพมหานคร", "1234", ""].map(|t| rasterise(t, 24.0));
    assert!(masks.iter().all(|m| m.baseline == masks[0].baseline && m.height == masks[0].height));
}

#[test]
fn the_same_pixels_on_every_machine() {
    let mask = rasterise("1กข 1234 พระนครศรีอยุธยา ABC-987 \u{4e2d}", 31.5);
    assert_eq!((mask.width, mask.height, hash(&mask.alpha)), (537, 46, 11_823_840_726_397_680_880));
}

proptest! {
    #[test]
    fn any_text_at_any_size_gives_a_whole_mask(text in any::<String>(), size in any::<f32>()) {
        let mask = rasterise(&text, size.min(80.0));
        prop_assert_eq!(mask.alpha.len(), mask.width as usize * mask.height as usize);
    }
}
