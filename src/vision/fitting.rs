//! The likeliest text that a format allows: where the formats of plates are known, what a recogniser nearly read counts.

use super::grammar::Begun;
use super::{Alphabet, Blank, Grammar, TensorView, TextRead, most_likely};
use crate::domain::CharRead;

/// How the steps of an output become a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    /// Runs of a class are one character.
    Ctc(Blank),
    /// A character each; this one stands for none.
    Slots { pad: char },
}

/// A text so much less likely than the one that was read is not taken for it: one plate in twenty may be another country's.
/// docs/models.md has what other values read.
const LEAST_SHARE: f32 = 0.05;
/// Nearly as likely as what was read: before a confusion that is only known to be one.
const CLEAR_SHARE: f32 = 0.3;
/// So many beginnings of texts are followed, and so many classes of a step: it ends soon on a picture of nothing as well.
const MOST_PATHS: usize = 48;
const MOST_CLASSES: usize = 6;

/// A text that fits a format, for one that fits none.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitting {
    pub read: TextRead,
    /// How likely it is as a share of what was read, 0.05–1.
    share: f32,
}

impl Fitting {
    /// Is it nearly as likely as what was read?
    pub fn is_clear(&self) -> bool {
        self.share >= CLEAR_SHARE
    }
}

/// The beginning of a text, by one way through the steps.
struct Path {
    characters: Vec<CharRead>,
    begun: Begun,
    /// The class whose run is not over.
    run: Option<usize>,
    /// Its probability as a share of the likeliest way's.
    share: f32,
}

/// A class that a step may show.
struct Likely {
    class: usize,
    /// What it puts on a plate, if anything.
    character: Option<char>,
    confidence: f32,
    /// The confidence as a share of the step's highest.
    share: f32,
}

/// The likeliest text that fits one of the formats, in place of `read`, which fits none; `None` where no such text is likely
/// enough. The output is one that `decode_ctc` or `decode_slots` took.
pub fn likeliest_fitting(
    output: &TensorView<'_>,
    alphabet: &Alphabet,
    steps: Steps,
    grammar: &Grammar,
    read: &TextRead,
) -> Option<Fitting> {
    let classes = output.shape.last().copied().filter(|classes| *classes > 0)?;
    let meaning = Meaning { alphabet, steps, classes };
    let mut paths = vec![Path { characters: Vec::new(), begun: grammar.begin(), run: None, share: 1.0 }];
    for step in output.data.chunks_exact(classes) {
        paths = meaning.onwards(paths, step, grammar);
    }
    let whole = paths.into_iter().filter(|path| grammar.is_whole(&path.begun));
    let best = whole.max_by(|a, b| a.share.total_cmp(&b.share))?;
    Some(Fitting { read: TextRead::fitted(best.characters, best.share, read), share: best.share })
}

/// What the classes of a step stand for.
struct Meaning<'a> {
    alphabet: &'a Alphabet,
    steps: Steps,
    classes: usize,
}

impl Meaning<'_> {
    /// The character that a class puts on a plate; the blank, the pad and what stands on no plate put none.
    fn character(&self, class: usize) -> Option<char> {
        let index = match self.steps {
            Steps::Ctc(Blank::First) => class.checked_sub(1)?,
            Steps::Ctc(Blank::Last) if class + 1 == self.classes => return None,
            Steps::Ctc(Blank::Last) | Steps::Slots { .. } => class,
        };
        self.alphabet.on_plate(index).filter(|c| self.steps != Steps::Slots { pad: *c })
    }

    /// The step's likeliest classes, the likeliest first.
    fn likely(&self, step: &[f32]) -> Vec<Likely> {
        let highest = most_likely(step).1;
        let shares = step.iter().enumerate().map(|(class, &confidence)| (class, confidence, confidence / highest));
        let shares = shares.filter(|(.., share)| (LEAST_SHARE..=1.0).contains(share));
        let named = |(class, confidence, share)| Likely { class, character: self.character(class), confidence, share };
        let mut likely: Vec<Likely> = shares.map(named).collect();
        likely.sort_by(|a, b| b.share.total_cmp(&a.share));
        likely.truncate(MOST_CLASSES);
        likely
    }

    /// Every path one step further.
    fn onwards(&self, paths: Vec<Path>, step: &[f32], grammar: &Grammar) -> Vec<Path> {
        let likely = self.likely(step);
        let mut next: Vec<Path> = Vec::with_capacity(paths.len() * 2);
        for path in &paths {
            for class in likely.iter().filter(|class| class.share * path.share >= LEAST_SHARE) {
                if let Some(longer) = self.longer(path, class, grammar) {
                    keep(&mut next, longer);
                }
            }
        }
        next.sort_by(|a, b| b.share.total_cmp(&a.share));
        next.truncate(MOST_PATHS);
        next
    }

    fn longer(&self, path: &Path, likely: &Likely, grammar: &Grammar) -> Option<Path> {
        let Likely { class, character, confidence, share } = *likely;
        let (mut characters, share) = (path.characters.clone(), path.share * share);
        if path.run == Some(class) {
            let last = characters.last_mut()?;
            last.confidence = last.confidence.max(confidence);
            return Some(Path { characters, begun: path.begun.clone(), run: path.run, share });
        }
        let Some(character) = character else {
            return Some(Path { characters, begun: path.begun.clone(), run: None, share });
        };
        let begun = grammar.followed_by(&path.begun, character)?;
        characters.push(CharRead { character, confidence });
        let run = matches!(self.steps, Steps::Ctc(_)).then_some(class);
        Some(Path { characters, begun, run, share })
    }
}

/// Of two ways to the same text the likelier stays.
fn keep(paths: &mut Vec<Path>, new: Path) {
    let same = |path: &Path| {
        let texts = path.characters.iter().zip(&new.characters);
        path.run == new.run
            && path.characters.len() == new.characters.len()
            && texts.into_iter().all(|(a, b)| a.character == b.character)
    };
    match paths.iter_mut().find(|path| same(path)) {
        Some(known) if known.share >= new.share => {}
        Some(known) => *known = new,
        None => paths.push(new),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{decode_ctc, decode_slots};
    use super::*;
    use proptest::prelude::*;

    /// `-` is the blank.
    const CLASSES: &str = "-0128ABDOก";

    fn alphabet() -> Alphabet {
        Alphabet::from_text(&CLASSES[1..])
    }

    /// A row a step, with the named classes' probabilities; the blank has what is left.
    fn rows(steps: &[&[(char, f32)]]) -> Vec<f32> {
        let row = |step: &&[(char, f32)]| {
            let mut row: Vec<f32> =
                CLASSES.chars().map(|c| step.iter().find(|(named, _)| *named == c).map_or(0.0, |(_, p)| *p)).collect();
            row[0] = 1.0 - row.iter().sum::<f32>();
            row
        };
        steps.iter().flat_map(row).collect()
    }

    /// The text that was read and the one that fits.
    fn read(data: &[f32], formats: &[&str]) -> (TextRead, Option<Fitting>) {
        let grammar = Grammar::of(&formats.iter().map(|&f| f.to_owned()).collect::<Vec<_>>()).unwrap();
        let classes = CLASSES.chars().count();
        let shape = [1, data.len() / classes, classes];
        let view = TensorView { name: "ctc", shape: &shape, data };
        let free = decode_ctc(&view, &alphabet(), Blank::First).unwrap();
        let fitting = likeliest_fitting(&view, &alphabet(), Steps::Ctc(Blank::First), &grammar, &free);
        (free, fitting)
    }

    #[test]
    fn what_was_nearly_read_is_taken_where_the_format_asks_for_it() {
        let data = rows(&[&[('A', 0.9)], &[('B', 0.6), ('8', 0.4)], &[], &[('O', 0.7), ('0', 0.3)], &[('1', 0.9)]]);
        let (free, fitting) = read(&data, &["LLDD"]);
        assert_eq!(free.text, "ABO1");
        let fitting = fitting.unwrap();
        assert!(fitting.is_clear());
        let fitting = fitting.read;
        assert_eq!((fitting.text.as_str(), fitting.freely.as_deref()), ("AB01", Some("ABO1")));
        assert_eq!(fitting.characters[2].confidence, 0.3, "as sure as the model was of it, and no surer");
        assert_eq!(
            read(&data, &["LDDD"]).1.unwrap().read.text,
            "A801",
            "two at once, which no table of confusions dares"
        );
    }

    #[test]
    fn a_plate_of_another_country_is_left_as_it_was_read() {
        let data = rows(&[&[('A', 0.98)], &[('B', 0.98), ('8', 0.01)], &[('1', 0.97)]]);
        assert_eq!(read(&data, &["LDD"]).1, None);
        assert_eq!(read(&data, &["LLLLL"]).1, None, "no length that fits");
    }

    #[test]
    fn a_character_that_was_nearly_lost_is_found_and_one_too_many_makes_the_text_unsure() {
        let data = rows(&[&[('A', 0.9)], &[('B', 0.4)], &[('1', 0.9)]]);
        let (free, fitting) = read(&data, &["LLD"]);
        let fitting = fitting.unwrap().read;
        assert_eq!((free.text.as_str(), fitting.text.as_str()), ("A1", "AB1"));
        assert_eq!(fitting.least_certain(), 0.4, "nothing else was lost");
        let data = rows(&[&[('A', 0.9)], &[('B', 0.6)], &[('1', 0.9)]]);
        let fitting = read(&data, &["LD"]).1.unwrap().read;
        assert_eq!(fitting.text, "A1");
        assert!((fitting.lost.inside - 0.6).abs() < 1e-3, "{fitting:?}");
    }

    #[test]
    fn doubled_characters_need_a_gap_between_them() {
        let data = rows(&[&[('A', 0.9)], &[('A', 0.9)], &[('1', 0.9)]]);
        assert_eq!(read(&data, &["LLD"]).1, None);
        let data = rows(&[&[('A', 0.9)], &[], &[('A', 0.9)], &[('O', 0.6), ('0', 0.4)]]);
        assert_eq!(read(&data, &["LLD"]).1.unwrap().read.text, "AA0");
    }

    #[test]
    fn slots_are_a_character_each() {
        let alphabet = Alphabet::from_text("A0O_");
        let data = [[0.9, 0.0, 0.1, 0.0], [0.9, 0.0, 0.1, 0.0], [0.0, 0.4, 0.6, 0.0], [0.0, 0.0, 0.1, 0.9]].concat();
        let view = TensorView { name: "slots", shape: &[1, 4, 4], data: &data };
        let free = decode_slots(&view, &alphabet, '_').unwrap();
        let grammar = Grammar::of(&["LLD".into()]).unwrap();
        let fitting = likeliest_fitting(&view, &alphabet, Steps::Slots { pad: '_' }, &grammar, &free).unwrap();
        assert_eq!((free.text.as_str(), fitting.read.text.as_str()), ("AAO", "AA0"));
    }

    proptest! {
        #[test]
        fn whatever_was_seen_the_text_fits_and_is_no_surer_than_what_was_seen(
            data in prop::collection::vec(0.0f32..1.0, 10..120),
        ) {
            let data = &data[..data.len() / 10 * 10];
            let (free, fitting) = read(data, &["LLDD", "D?LD", "TTD"]);
            if let Some(Fitting { read: fitting, share }) = fitting {
                let grammar = Grammar::of(&["LLDD".into(), "D?LD".into(), "TTD".into()]).unwrap();
                prop_assert!(grammar.fits(&fitting.text));
                prop_assert_eq!(fitting.characters.len(), fitting.text.chars().count());
                prop_assert!((0.0..=1.0).contains(&fitting.confidence) && (LEAST_SHARE..=1.0).contains(&share));
                prop_assert!(fitting.freely == Some(free.text));
            }
        }

        #[test]
        fn numbers_that_are_none_end_in_no_panic(data in prop::collection::vec(any::<f32>(), 0..60)) {
            let grammar = Grammar::of(&["LLDD".into()]).unwrap();
            let view = TensorView { name: "ctc", shape: &[1, data.len() / 10, 10], data: &data };
            let free = TextRead::default();
            likeliest_fitting(&view, &alphabet(), Steps::Ctc(Blank::First), &grammar, &free);
        }
    }
}
