//! Text in the binary, cut into blocks when it is first asked, and what was decoded of them.

use std::sync::OnceLock;

/// Blocks of lines by name: a heading is a line that begins with its name, the lines below it begin with a space.
pub(super) struct Catalogue {
    text: &'static str,
    blocks: OnceLock<Vec<Block>>,
}

#[derive(Clone, Copy)]
struct Block {
    name: &'static str,
    /// The heading's rest and the lines below it.
    text: &'static str,
}

/// What one version knows of a catalogue, each thing decoded when it is first asked for.
pub(super) struct Shelf<T> {
    catalogue: &'static Catalogue,
    decoded: OnceLock<Vec<OnceLock<Option<T>>>>,
}

impl Catalogue {
    pub(super) const fn new(text: &'static str) -> Self {
        Self {
            text,
            blocks: OnceLock::new(),
        }
    }

    pub(super) fn names(&'static self) -> impl Iterator<Item = &'static str> {
        self.blocks().iter().map(|block| block.name)
    }

    fn blocks(&'static self) -> &'static [Block] {
        self.blocks.get_or_init(|| blocks(self.text))
    }

    /// The place of a block; they are sorted by name.
    fn find(&'static self, name: &str) -> Option<usize> {
        self.blocks().binary_search_by(|block| block.name.cmp(name)).ok()
    }
}

impl<T> Shelf<T> {
    pub(super) const fn new(catalogue: &'static Catalogue) -> Self {
        Self {
            catalogue,
            decoded: OnceLock::new(),
        }
    }

    /// What has this name, decoded from its name and block if nobody asked before; `decode` says whether this version
    /// has it.
    pub(super) fn get(
        &'static self,
        name: &str,
        decode: impl FnOnce(&'static str, &'static str) -> Option<T>,
    ) -> Option<&'static T> {
        let index = self.catalogue.find(name)?;
        let blocks = self.catalogue.blocks();
        let decoded = self
            .decoded
            .get_or_init(|| blocks.iter().map(|_| OnceLock::new()).collect());
        let block = blocks.get(index)?;
        decoded
            .get(index)?
            .get_or_init(|| decode(block.name, block.text))
            .as_ref()
    }
}

fn blocks(text: &'static str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (block, after) = rest.split_at(block_end(rest.as_bytes()));
        let name = block.split([' ', '\n']).next().unwrap_or_default();
        blocks.push(Block {
            name,
            text: block.get(name.len()..).unwrap_or_default(),
        });
        rest = after;
    }
    blocks
}

/// Where the next heading begins: after a line's end that no space follows.
fn block_end(text: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', text)
        .map(|end| end + 1)
        .find(|next| text.get(*next) != Some(&b' '))
        .unwrap_or(text.len())
}
