//! The files that the bot or people have sent. The oldest are dropped first.

use std::collections::BTreeMap;

use bytes::Bytes;

/// The total size of the files that are kept.
const MAX_BYTES: usize = 64 << 20;
/// The size at which a small file counts. This bounds the number of files.
const MIN_COST: usize = 4 << 10;
/// What each id of a file begins with. Its number follows.
const ID_PREFIX: &str = "AgACAgIAAxkBAAIDoorbell";

/// A file that can be downloaded.
#[derive(Clone, Debug)]
pub(crate) struct StoredFile {
    number: u64,
    /// The path that `getFile` returns.
    pub(crate) path: String,
    /// The name that the sender gave it. It may be empty.
    pub(crate) name: String,
    pub(crate) content: Bytes,
}

impl StoredFile {
    /// Its id. `size` is empty, or the letter of a size of a photo.
    pub(crate) fn id(&self, size: &str) -> String {
        format!("{ID_PREFIX}{}{size}", self.number)
    }

    /// The id that is the same for all bots, of which a bot cannot download.
    pub(crate) fn unique_id(&self, size: &str) -> String {
        format!("AQADoorbell{}{size}", self.number)
    }
}

/// The kept files by their number.
#[derive(Debug, Default)]
pub(crate) struct Files {
    last: u64,
    cost: usize,
    by_number: BTreeMap<u64, StoredFile>,
}

impl Files {
    /// Stores a file in this folder. Its path ends in `extension`, or in the extension of its name.
    pub(crate) fn add(&mut self, folder: &str, extension: &str, name: &str, content: Bytes) -> StoredFile {
        self.last += 1;
        self.cost += cost(&content);
        let extension = name.rsplit_once('.').map_or(extension, |(_, extension)| extension);
        let is_plain = !extension.is_empty() && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let path = format!("{folder}/file_{}.{}", self.last, if is_plain { extension } else { "bin" });
        let file = StoredFile { number: self.last, path, name: name.to_owned(), content };
        self.by_number.insert(self.last, file.clone());
        while self.cost > MAX_BYTES
            && let Some((_, oldest)) = self.by_number.pop_first()
        {
            self.cost -= cost(&oldest.content);
        }
        file
    }

    /// The file with this id. A letter after the number names a size of a photo.
    pub(crate) fn get(&self, file_id: &str) -> Option<&StoredFile> {
        let number = file_id.strip_prefix(ID_PREFIX)?.trim_end_matches(|char: char| char.is_ascii_lowercase());
        self.by_number.get(&number.parse().ok()?)
    }

    /// The file with this path.
    pub(crate) fn at(&self, path: &str) -> Option<&StoredFile> {
        self.by_number.values().find(|file| file.path == path)
    }
}

fn cost(content: &Bytes) -> usize {
    content.len().max(MIN_COST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_its_id_and_by_its_path() {
        let mut files = Files::default();
        let file = files.add("photos", "jpg", "", Bytes::from_static(b"a"));
        assert_eq!(file.path, "photos/file_1.jpg");
        assert_eq!(files.get(&file.id("s")).unwrap().content, "a");
        assert_eq!(files.at("photos/file_1.jpg").unwrap().id(""), file.id(""));
        assert_eq!(files.add("documents", "bin", "a.b.PDF", Bytes::new()).path, "documents/file_2.PDF");
        assert_eq!(files.add("documents", "bin", "a./../x", Bytes::new()).path, "documents/file_3.bin");
        assert!(files.get("AgAC1").is_none() && files.get(&format!("{ID_PREFIX}9")).is_none());
    }

    #[test]
    fn the_oldest_files_are_dropped_when_the_total_is_too_large() {
        let mut files = Files::default();
        let half = Bytes::from(vec![0; MAX_BYTES / 2]);
        let ids: Vec<_> = (0..3).map(|_| files.add("documents", "bin", "", half.clone()).id("")).collect();
        assert!(files.get(&ids[0]).is_none() && ids[1..].iter().all(|id| files.get(id).is_some()));
        for _ in 0..2 * MAX_BYTES / MIN_COST {
            files.add("documents", "bin", "", Bytes::new());
        }
        assert_eq!(files.by_number.len(), MAX_BYTES / MIN_COST);
    }
}
