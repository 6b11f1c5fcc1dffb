//! `truth.csv`: what stands on the photos and in the clips.

use crate::agent::{Exit, Failure};
use crate::domain::BBox;
use crate::imaging::is_image_name;
use std::path::{Path, PathBuf};

/// One row. A clip has one for each vehicle that passes.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// As the file says it, with its folder.
    pub file: String,
    pub path: PathBuf,
    /// The labelled plate, where the row has one.
    pub bbox: Option<BBox>,
    pub text: String,
    pub province: String,
}

#[derive(serde::Deserialize)]
struct Row {
    file: String,
    x: Option<f32>,
    y: Option<f32>,
    w: Option<f32>,
    h: Option<f32>,
    text: String,
    #[serde(default)]
    province: String,
}

impl Truth {
    /// All rows; files are looked for beside the list.
    pub fn load(list: &Path) -> Result<Vec<Truth>, Failure> {
        let wrong = |error: csv::Error| {
            let columns = "it needs the columns file,x,y,w,h,text,province";
            Failure::new(Exit::Source, format!("cannot use {}: {error}; {columns}", list.display()))
        };
        let folder = list.parent().unwrap_or(Path::new(""));
        let mut rows = Vec::new();
        for row in csv::Reader::from_path(list).map_err(wrong)?.deserialize() {
            let Row { file, x, y, w, h, text, province } = row.map_err(wrong)?;
            let bbox = x.zip(y).zip(w.zip(h)).map(|((x, y), (w, h))| BBox::new(x, y, x + w, y + h));
            rows.push(Truth { path: folder.join(&file), bbox, text, province, file });
        }
        Ok(rows)
    }

    /// The folder under which its figures are shown.
    pub fn folder(&self) -> &str {
        self.file.rsplit_once('/').map_or(".", |(folder, _)| folder)
    }

    pub fn is_photo(&self) -> bool {
        is_image_name(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_may_be_missing_and_a_wrong_list_says_what_it_needs() {
        let dir = tempfile::tempdir().unwrap();
        let list = dir.path().join("truth.csv");
        std::fs::write(&list, "file,x,y,w,h,text,province\nth/a.jpg,,,,,กพ1687,สงขลา\nb.mp4,1,2,3,4,AB1,\n").unwrap();
        let rows = Truth::load(&list).unwrap();
        assert_eq!((rows[0].folder(), rows[0].bbox, rows[0].is_photo()), ("th", None, true));
        assert_eq!((rows[1].folder(), rows[1].bbox), (".", Some(BBox::new(1.0, 2.0, 4.0, 6.0))));
        assert!(!rows[1].is_photo() && rows[1].path == dir.path().join("b.mp4"));
        std::fs::write(&list, "name,plate\na.jpg,AB1\n").unwrap();
        assert!(Truth::load(&list).unwrap_err().message.contains("file,x,y,w,h,text,province"));
    }
}
