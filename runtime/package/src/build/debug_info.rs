//! Debug information: what a fault needs to name functions and source lines, and no more.
//!
//! The compiler leaves the debug information of everything that it ever looked at, some 2 MB, nearly all of it about the
//! standard library. Kept is what leads to the author's lines: the functions of every other crate that are in the module,
//! what was inlined into them, and their line tables. A function of the standard library is still named, by the module's
//! own list of names.

use std::borrow::Cow;
use std::collections::HashSet;

use gimli::write::{
    Address, ConvertError, ConvertUnit, ConvertUnitEntry, Dwarf, EndianVec, FilterUnitSection, Sections, UnitEntryId,
};
use gimli::{AttributeValue, DebugInfoOffset, EndianSlice, LittleEndian, SectionId};
use thiserror::Error;
use wasm_encoder::{CustomSection, Module, RawSection};
use wasmparser::{Parser, Payload};

/// The debug information of a module could not be read or written. Never the author's doing: report it, and build with
/// `debug = false` meanwhile.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DebugInfoError {
    /// The bytes are no module.
    #[error("the compiled module cannot be read: {0}")]
    Module(#[from] wasmparser::BinaryReaderError),
    /// The debug information is not understood.
    #[error("the module's debug information cannot be read: {0}")]
    Read(#[from] ConvertError),
    /// The debug information could not be written.
    #[error("the module's debug information cannot be written: {0}")]
    Write(#[from] gimli::write::Error),
}

type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// Attributes that nobody reads to explain a fault. The linkage name says at length what the module's list of names says.
const DROPPED: &[gimli::DwAt] = &[
    gimli::DW_AT_producer,
    gimli::DW_AT_linkage_name,
    gimli::DW_AT_decl_file,
    gimli::DW_AT_decl_line,
    gimli::DW_AT_frame_base,
    gimli::DW_AT_GNU_pubnames,
];

/// What the compiler's makers, and the flags of a build, call the folders of the standard library and of the crates that
/// it is built with.
const STANDARD_LIBRARY: [&[u8]; 2] = [b"/rustc/", b"/rust/"];

/// The module with only the debug information of the code that it holds.
pub(super) fn trim(module: &[u8]) -> Result<Vec<u8>, DebugInfoError> {
    let mut trimmed = Module::new();
    let mut debug: Vec<(&str, &[u8])> = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        if let Payload::CustomSection(section) = &payload
            && section.name().starts_with(".debug_")
        {
            debug.push((section.name(), section.data()));
        } else if let Some((id, range)) = payload.as_section() {
            trimmed.section(&RawSection {
                id,
                data: module.get(range).unwrap_or_default(),
            });
        }
    }
    let sections = live(&debug)?;
    sections.for_each(|id, data| {
        if !data.slice().is_empty() {
            trimmed.section(&CustomSection {
                name: Cow::Borrowed(id.name()),
                data: Cow::Borrowed(data.slice()),
            });
        }
        Ok::<_, gimli::write::Error>(())
    })?;
    Ok(trimmed.finish())
}

/// The debug information of the code that is in the module.
fn live(debug: &[(&str, &[u8])]) -> Result<Sections<EndianVec<LittleEndian>>, DebugInfoError> {
    let section = |id: SectionId| {
        let data = debug
            .iter()
            .find(|(name, _)| *name == id.name())
            .map_or(&[][..], |(_, data)| data);
        Ok::<_, ConvertError>(EndianSlice::new(data, LittleEndian))
    };
    let read = gimli::read::Dwarf::load(section)?;
    let mut filter = FilterUnitSection::new(&read)?;
    let live_units = require_live(&mut filter)?;
    let mut written = Dwarf::new();
    let mut convert = written.convert_with_filter(filter)?;
    while let Some((mut unit, root)) = convert.read_unit()? {
        let is_live = unit
            .read_unit
            .debug_info_offset()
            .is_some_and(|offset| live_units.contains(&offset));
        if is_live {
            copy_lines(&mut unit, &root)?;
        }
        // A unit without code of its own may still have the names of what was inlined elsewhere.
        let entries = copy_entries(&mut unit, root)?;
        if entries == 0 {
            unit.skip();
        }
    }
    let mut sections = Sections::new(EndianVec::new(LittleEndian));
    written.write(&mut sections)?;
    Ok(sections)
}

/// Asks for every function whose code is in the module, and gives the units that have one.
fn require_live(filter: &mut FilterUnitSection<'_, Reader<'_>>) -> Result<HashSet<DebugInfoOffset>, ConvertError> {
    let mut live_units = HashSet::new();
    while let Some(mut unit) = filter.read_unit()? {
        let is_of_author = !is_of_standard_library(&unit.read_unit);
        let mut entry = unit.null_entry();
        while unit.read_entry(&mut entry)? {
            if is_of_author
                && let Some(AttributeValue::Addr(address)) = entry.attr_value(gimli::DW_AT_low_pc)
                && is_live(address)
            {
                unit.require_entry(entry.offset);
                live_units.extend(unit.read_unit.debug_info_offset());
            }
        }
    }
    Ok(live_units)
}

fn is_of_standard_library(unit: &gimli::Unit<Reader<'_>>) -> bool {
    let places = unit.comp_dir.into_iter().chain(unit.name);
    places
        .into_iter()
        .any(|place| STANDARD_LIBRARY.iter().any(|folder| place.starts_with(folder)))
}

/// The linker gives code that it left out an address at either end of the range.
fn is_live(address: u64) -> bool {
    address != 0 && address < u64::from(u32::MAX - 1)
}

/// The unit's line table, and what says which code it is about.
fn copy_lines<'data>(
    unit: &mut ConvertUnit<'_, Reader<'data>>,
    root: &ConvertUnitEntry<'_, Reader<'data>>,
) -> Result<(), ConvertError> {
    if let Some(program) = unit.read_line_program(None, None)? {
        let (program, files) = program.convert(&constant)?;
        unit.set_line_program(program, files);
    }
    copy_attributes(unit, unit.unit.root(), root)
}

/// The entries that the filter keeps; gives how many.
fn copy_entries<'unit, 'data>(
    unit: &mut ConvertUnit<'unit, Reader<'data>>,
    root: ConvertUnitEntry<'unit, Reader<'data>>,
) -> Result<usize, ConvertError> {
    let mut entry = root;
    let mut copied = 0;
    while let Some(id) = unit.read_entry(&mut entry)? {
        if id.is_some() {
            let id = unit.add_entry(id, &entry);
            copy_attributes(unit, id, &entry)?;
            copied += 1;
        }
    }
    Ok(copied)
}

fn copy_attributes<'data>(
    unit: &mut ConvertUnit<'_, Reader<'data>>,
    id: UnitEntryId,
    entry: &ConvertUnitEntry<'_, Reader<'data>>,
) -> Result<(), ConvertError> {
    for attribute in entry
        .attrs
        .iter()
        .filter(|attribute| !DROPPED.contains(&attribute.name()))
    {
        let value = if attribute.name() == gimli::DW_AT_name {
            let name = entry.read_unit.attr_string(attribute.value())?;
            gimli::write::AttributeValue::StringRef(unit.strings.add(without_generics(name.slice())))
        } else {
            unit.convert_attribute_value(entry.read_unit, attribute, &constant)?
        };
        unit.unit.get_mut(id).set(attribute.name(), value);
    }
    Ok(())
}

/// `fold<Vec<Option<String>>, ..>` is told well enough by `fold` and its line; in full, such names are a third of all.
fn without_generics(name: &[u8]) -> &[u8] {
    match name.iter().position(|byte| *byte == b'<') {
        None | Some(0) => name,
        Some(position) => name.get(..position).unwrap_or(name),
    }
}

/// Code stays where it is.
#[expect(clippy::unnecessary_wraps, reason = "the conversion asks for an option")]
fn constant(address: u64) -> Option<Address> {
    Some(Address::Constant(address))
}
