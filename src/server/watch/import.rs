//! Takes a whole file, checked already, into a list: a piece at a time, so that events are stored in between however long
//! the file is.
//!
//! What the file has is put in first, what it has not is taken out last: at no time is a plate missing that is on both.
//! What is cut off in between is done by the same file sent again.

use super::entry::{Entry, Keys};
use crate::server::store::{self, Store, StoreError};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

/// Entries of one commit: as long as it takes events wait.
const PIECE: usize = 200;

/// What became of it.
#[derive(Debug)]
pub enum Imported {
    /// So many entries does the list have now.
    Whole(i64),
    /// There is no such list, or no longer.
    Missing,
    /// After so many entries of the file.
    CutOff(usize, StoreError),
}

/// Beside what the list has, or with `replace` in its place.
pub async fn import(store: &Arc<Store>, list_id: i64, entries: Vec<(Entry, Keys)>, replace: bool) -> Imported {
    let entries = Arc::new(entries);
    let mut done = 0;
    match pieces(store, list_id, &entries, replace, &mut done).await {
        Ok(Some(count)) => Imported::Whole(count),
        Ok(None) => Imported::Missing,
        Err(error) => Imported::CutOff(done, error),
    }
}

async fn pieces(
    store: &Arc<Store>,
    list_id: i64,
    entries: &Arc<Vec<(Entry, Keys)>>,
    replace: bool,
    done: &mut usize,
) -> Result<Option<i64>, StoreError> {
    // What a person adds while the file is taken in is not what it replaces.
    let others = if replace { others(store, list_id, entries.clone()).await? } else { Vec::new() };
    for piece in ranges(entries.len()) {
        let (entries, end) = (entries.clone(), piece.end);
        let write = move |conn: &store::Connection| match entries.get(piece) {
            Some(piece) => store::put_entries(conn, list_id, piece),
            None => Ok(true),
        };
        if !store.write(write).await?.value {
            return Ok(None);
        }
        *done = end;
    }
    remove(store, list_id, others).await?;
    store.read(move |conn| store::find_watchlist(conn, list_id)).await.map(|list| list.map(|list| list.entries_count))
}

/// Removes entries of a list, a piece at a time.
pub async fn remove(store: &Arc<Store>, list_id: i64, ids: Vec<i64>) -> Result<(), StoreError> {
    for piece in ids.chunks(PIECE) {
        let piece = piece.to_vec();
        store.write(move |conn| store::delete_entries(conn, list_id, &piece)).await?;
    }
    Ok(())
}

/// Entries of the list whose plates are not in the file.
async fn others(store: &Arc<Store>, list_id: i64, entries: Arc<Vec<(Entry, Keys)>>) -> Result<Vec<i64>, StoreError> {
    let read = store.read(move |conn| {
        let kept: HashSet<(&str, &str)> =
            entries.iter().map(|(_, keys)| (keys.plate.as_str(), keys.province.as_str())).collect();
        store::entry_ids(conn, list_id, |plate, province| !kept.contains(&(plate, province)))
    });
    read.await
}

fn ranges(length: usize) -> impl Iterator<Item = Range<usize>> {
    // An empty file still finds out whether there is such a list.
    let pieces = length.div_ceil(PIECE).max(1);
    (0..pieces).map(move |piece| piece * PIECE..((piece + 1) * PIECE).min(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CameraId, CameraKey, CheckpointId};
    use crate::server::watch::entry::Severity;
    use jiff::tz::TimeZone;

    fn store(dir: &tempfile::TempDir) -> Arc<Store> {
        Arc::new(Store::open(&dir.path().join("lpr-server.db")).unwrap())
    }

    async fn new_list(store: &Arc<Store>) -> i64 {
        let write = store.write(|conn| store::put_watchlist(conn, None, "stolen", Severity::Critical, ""));
        match write.await.unwrap().value {
            store::Written::Done(list_id) => list_id,
            other => panic!("{other:?}"),
        }
    }

    fn plates(range: Range<usize>) -> Vec<(Entry, Keys)> {
        let entry = |number: usize| {
            let plate = format!("AB{number:06}");
            let entry =
                Entry::read(|field| if field == "plate" { plate.as_str() } else { "" }, &TimeZone::UTC).unwrap();
            let keys = entry.keys();
            (entry, keys)
        };
        range.map(entry).collect()
    }

    async fn listed(store: &Arc<Store>, list_id: i64) -> HashSet<String> {
        let rows = store.read(move |conn| store::entries(conn, list_id, "", 0, 1_000_000)).await.unwrap();
        rows.into_iter().map(|(_, entry)| entry.plate).collect()
    }

    #[tokio::test]
    async fn events_are_committed_between_the_pieces_of_a_long_import() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir);
        let list_id = new_list(&store).await;
        let file = plates(0..40 * PIECE);
        let mut events = 0;
        let camera = CameraKey { camera: CameraId::new("c").unwrap(), checkpoint: CheckpointId::new("p").unwrap() };
        let eventful = async {
            loop {
                let camera = camera.clone();
                store.write(move |conn| store::touch(conn, &camera, 1)).await.unwrap();
                events += 1;
            }
        };
        let imported = tokio::select! {
            imported = import(&store, list_id, file, false) => imported,
            () = eventful => unreachable!("it has no end"),
        };
        assert!(matches!(imported, Imported::Whole(8000)), "{imported:?}");
        assert!(events >= 20, "{events} commits between 40 pieces");
    }

    #[tokio::test]
    async fn a_list_is_replaced_without_missing_a_plate_that_is_on_both() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir);
        let list_id = new_list(&store).await;
        assert!(matches!(import(&store, list_id, plates(0..1000), false).await, Imported::Whole(1000)));
        let mut looks = 0;
        let watching = async {
            loop {
                let now = listed(&store, list_id).await;
                let missing = (500..1000).find(|number| !now.contains(&format!("AB{number:06}")));
                assert_eq!(missing, None, "after {looks} looks");
                looks += 1;
            }
        };
        let imported = tokio::select! {
            imported = import(&store, list_id, plates(500..2000), true) => imported,
            () = watching => unreachable!("it has no end"),
        };
        assert!(matches!(imported, Imported::Whole(1500)), "{imported:?}");
        assert!(looks > 0 && !listed(&store, list_id).await.contains("AB000499"));
        assert!(matches!(import(&store, list_id, Vec::new(), true).await, Imported::Whole(0)));
        assert!(matches!(import(&store, 99, Vec::new(), false).await, Imported::Missing));
        store.close();
        let cut = import(&store, list_id, plates(0..10), false).await;
        assert!(matches!(cut, Imported::CutOff(0, StoreError::Closed)), "{cut:?}");
    }
}
