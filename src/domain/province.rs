//! The provinces of Thailand, as plates name them, and how provinces are compared.

use super::plate_key::plate_key;

/// All 77, with Bangkok: the number of ISO 3166-2:TH and the name.
pub const PROVINCES: [(u8, &str); 77] = [
    (37, "อำนาจเจริญ"),
    (15, "อ่างทอง"),
    (10, "กรุงเทพมหานคร"),
    (38, "บึงกาฬ"),
    (31, "บุรีรัมย์"),
    (24, "ฉะเชิงเทรา"),
    (18, "ชัยนาท"),
    (36, "ชัยภูมิ"),
    (22, "จันทบุรี"),
    (50, "เชียงใหม่"),
    (57, "เชียงราย"),
    (20, "ชลบุรี"),
    (86, "ชุมพร"),
    (46, "กาฬสินธุ์"),
    (62, "กำแพงเพชร"),
    (71, "กาญจนบุรี"),
    (40, "ขอนแก่น"),
    (81, "กระบี่"),
    (52, "ลำปาง"),
    (51, "ลำพูน"),
    (42, "เลย"),
    (16, "ลพบุรี"),
    (58, "แม่ฮ่องสอน"),
    (44, "มหาสารคาม"),
    (49, "มุกดาหาร"),
    (26, "นครนายก"),
    (73, "นครปฐม"),
    (48, "นครพนม"),
    (30, "นครราชสีมา"),
    (60, "นครสวรรค์"),
    (80, "นครศรีธรรมราช"),
    (55, "น่าน"),
    (96, "นราธิวาส"),
    (39, "หนองบัวลำภู"),
    (43, "หนองคาย"),
    (12, "นนทบุรี"),
    (13, "ปทุมธานี"),
    (94, "ปัตตานี"),
    (82, "พังงา"),
    (93, "พัทลุง"),
    (56, "พะเยา"),
    (67, "เพชรบูรณ์"),
    (76, "เพชรบุรี"),
    (66, "พิจิตร"),
    (65, "พิษณุโลก"),
    (14, "พระนครศรีอยุธยา"),
    (54, "แพร่"),
    (83, "ภูเก็ต"),
    (25, "ปราจีนบุรี"),
    (77, "ประจวบคีรีขันธ์"),
    (85, "ระนอง"),
    (70, "ราชบุรี"),
    (21, "ระยอง"),
    (45, "ร้อยเอ็ด"),
    (27, "สระแก้ว"),
    (47, "สกลนคร"),
    (11, "สมุทรปราการ"),
    (74, "สมุทรสาคร"),
    (75, "สมุทรสงคราม"),
    (19, "สระบุรี"),
    (91, "สตูล"),
    (33, "ศรีสะเกษ"),
    (17, "สิงห์บุรี"),
    (90, "สงขลา"),
    (64, "สุโขทัย"),
    (72, "สุพรรณบุรี"),
    (84, "สุราษฎร์ธานี"),
    (32, "สุรินทร์"),
    (63, "ตาก"),
    (92, "ตรัง"),
    (23, "ตราด"),
    (34, "อุบลราชธานี"),
    (41, "อุดรธานี"),
    (61, "อุทัยธานี"),
    (53, "อุตรดิตถ์"),
    (95, "ยะลา"),
    (35, "ยโสธร"),
];

/// What people write besides the name, and what no name begins with.
const SHORT: [(u8, &str); 4] = [(10, "กทม"), (10, "กรุงเทพ"), (14, "อยุธยา"), (30, "โคราช")];

/// A word of fewer characters is no province where nothing says that it is one: registrations have up to three letters, and
/// many a name begins like them.
const ALONE: usize = 3;
const BEHIND_A_PLATE: usize = 2;

/// The key that a province or state is compared by, empty where there is no letter: `th-10` for one of Thailand, however it is
/// written, otherwise the plate key, which never has a dash.
///
/// ```
/// use lpr::domain::province_key;
/// assert_eq!(province_key("กทม."), province_key("กรุงเทพมหานคร"));
/// ```
pub fn province_key(text: &str) -> String {
    let key = spelled(text);
    names().find(|(_, name)| *name == key).map_or(key, |(code, _)| key_of(code))
}

/// A province that is looked for by its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvinceStart {
    /// Of those in Thailand that begin so.
    keys: Vec<String>,
    /// How the key of another one begins.
    start: String,
}

impl ProvinceStart {
    /// `None` where `text` has no letter.
    pub fn new(text: &str) -> Option<Self> {
        let start = spelled(text);
        if start.is_empty() {
            return None;
        }
        let mut keys: Vec<String> = beginning(&start).map(key_of).collect();
        keys.sort_unstable();
        keys.dedup();
        Some(Self { keys, start })
    }

    /// Does a [`province_key`] begin so?
    pub fn matches(&self, key: &str) -> bool {
        key.starts_with(&self.start) || self.keys.iter().any(|known| known == key)
    }

    /// The keys of those in Thailand; the others begin with [`Self::start`].
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    pub fn start(&self) -> &str {
        &self.start
    }
}

/// The registration and the beginning of a province in Thailand behind it, of a plate key that has both.
///
/// ```
/// assert_eq!(lpr::domain::split_province("กพ1687กรุงเทพ"), Some(("กพ1687", "กรุงเทพ")));
/// ```
pub fn split_province(key: &str) -> Option<(&str, &str)> {
    let (at, digit) = key.char_indices().rfind(|(_, c)| c.is_numeric())?;
    let (registration, province) = key.split_at(at + digit.len_utf8());
    is_province(province, BEHIND_A_PLATE).then_some((registration, province))
}

/// May this plate key be the beginning of a province in Thailand, without a registration?
pub fn may_be_province(key: &str) -> bool {
    is_province(key, ALONE)
}

fn is_province(key: &str, least: usize) -> bool {
    key.chars().count() >= least && beginning(&spelled(key)).next().is_some()
}

/// The plate key without the sign of abbreviation, as in กรุงเทพฯ.
fn spelled(text: &str) -> String {
    plate_key(text).replace('ฯ', "")
}

fn names() -> impl Iterator<Item = (u8, &'static str)> {
    PROVINCES.into_iter().chain(SHORT)
}

fn beginning(start: &str) -> impl Iterator<Item = u8> {
    names().filter(move |(_, name)| !start.is_empty() && name.starts_with(start)).map(|(code, _)| code)
}

fn key_of(code: u8) -> String {
    format!("th-{code}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_name_is_its_own_plate_key_and_has_a_number_of_its_own() {
        for (_, name) in names() {
            assert_eq!(spelled(name), name);
        }
        assert_eq!(PROVINCES.iter().map(|(code, _)| code).collect::<BTreeSet<_>>().len(), PROVINCES.len());
    }

    #[test]
    fn one_province_has_one_key_however_it_is_written() {
        for text in ["กรุงเทพมหานคร", "กรุงเทพ มหานคร", "กรุงเทพฯ", "กทม.", "กทม"]
        {
            assert_eq!(province_key(text), "th-10", "{text}");
        }
        assert_eq!(province_key("New South Wales"), "NEWSOUTHWALES");
        assert_eq!((province_key("กรุง"), province_key(" - ")), ("กรุง".into(), String::new()));
    }

    #[test]
    fn a_beginning_finds_every_province_that_begins_so_and_states_that_no_list_has() {
        let finds = |start: &str, name: &str| ProvinceStart::new(start).unwrap().matches(&province_key(name));
        assert!(finds("กรุง", "กรุงเทพมหานคร") && finds("กท", "กรุงเทพมหานคร") && finds("กทม", "กรุงเทพฯ"));
        assert!(finds("เชียง", "เชียงใหม่") && finds("เชียง", "เชียงราย") && !finds("เชียงใ", "เชียงราย"));
        assert!(finds("new s", "New South Wales") && !finds("south", "New South Wales"));
        assert!(!finds("th", "ตาก") && finds("th", "Thuringia"), "a key of ours is no text");
        assert_eq!(ProvinceStart::new("--"), None);
    }

    #[test]
    fn a_province_is_told_from_the_plate_before_it() {
        assert_eq!(split_province("1กก1234กทม"), Some(("1กก1234", "กทม")));
        assert_eq!(split_province("๑กก๑๒๓๔ตาก"), Some(("๑กก๑๒๓๔", "ตาก")));
        for plate in ["กพ1687", "กพ1687ก", "AB12CDE", "กพ1687กข", "กรุงเทพ", "1234", ""]
        {
            assert_eq!(split_province(plate), None, "{plate}");
        }
        assert!(may_be_province("กทม") && may_be_province("กระบี่"));
        assert!(!may_be_province("กร") && !may_be_province("กกก") && !may_be_province("CAL"));
    }
}
