//! The Huffman decoder's functions that C calls (`entropy.c`).
#![allow(unsafe_code, reason = "called from C")]

use std::ffi::{c_int, c_uchar, c_ulonglong, c_void};

use super::table::{AcTable, DcTable};
use super::{Block, BlockKind, MAX_BLOCKS, Scan};

/// Makes a table; 0 where it is none.
///
/// # Safety
/// `scan` is a [`Scan`] that nothing else uses now; there are 17 counts and 256 symbols.
#[unsafe(no_mangle)]
unsafe extern "C" fn maskwright_huffman_table(
    scan: *mut c_void,
    is_ac: c_int,
    slot: c_int,
    counts: *const c_uchar,
    symbols: *const c_uchar,
) -> c_int {
    // SAFETY: by this function's contract.
    let (scan, counts, symbols) = unsafe {
        (&mut *scan.cast::<Scan>(), &*counts.cast::<[u8; 17]>(), &*symbols.cast::<[u8; 256]>())
    };
    let slot = slot as usize;
    let known = if is_ac != 0 {
        scan.ac_tables.get_mut(slot).map(|slot| AcTable::put(slot, counts, symbols))
    } else {
        scan.dc_tables.get_mut(slot).map(|slot| DcTable::put(slot, counts, symbols))
    };
    c_int::from(known == Some(true))
}

/// Starts a scan; `kinds` are the component, the DC and the AC table of each block of an MCU.
///
/// # Safety
/// `scan` is a [`Scan`] that nothing else uses now; there are 3 x `blocks` kinds.
#[unsafe(no_mangle)]
unsafe extern "C" fn maskwright_huffman_start(
    scan: *mut c_void,
    blocks: c_int,
    kinds: *const c_int,
) {
    // SAFETY: by this function's contract.
    let (scan, numbers) = unsafe {
        (&mut *scan.cast::<Scan>(), std::slice::from_raw_parts(kinds, 3 * blocks as usize))
    };
    let mut kinds = [BlockKind::default(); MAX_BLOCKS];
    for (kind, &[component, dc, ac]) in kinds.iter_mut().zip(numbers.as_chunks::<3>().0) {
        *kind = BlockKind {
            component: component as usize,
            dc_table: dc as usize,
            ac_table: ac as usize,
        };
    }
    scan.start(&kinds[..blocks as usize]);
}

/// Decodes an MCU into `blocks`, zeroed ones, or past it where that is null; 0 where libjpeg has to.
///
/// # Safety
/// `scan` is a [`Scan`] that nothing else uses now; `data` holds `length` bytes, `blocks` as many blocks as the scan was
/// started with.
#[unsafe(no_mangle)]
unsafe extern "C" fn maskwright_huffman_mcu(
    scan: *mut c_void,
    data: *const c_uchar,
    length: usize,
    blocks: *mut Block,
) -> c_int {
    // SAFETY: by this function's contract.
    let (scan, data) =
        unsafe { (&mut *scan.cast::<Scan>(), std::slice::from_raw_parts(data, length)) };
    // SAFETY: as above.
    let blocks =
        (!blocks.is_null()).then(|| unsafe { std::slice::from_raw_parts_mut(blocks, scan.blocks) });
    c_int::from(scan.mcu(data, blocks))
}

/// Where libjpeg has to go on.
///
/// # Safety
/// `scan` is a [`Scan`] that nothing else changes now; the others can be written, `predictors` four times.
#[unsafe(no_mangle)]
unsafe extern "C" fn maskwright_huffman_place(
    scan: *const c_void,
    read: *mut usize,
    buffer: *mut c_ulonglong,
    bits: *mut c_int,
    predictors: *mut c_int,
) {
    // SAFETY: by this function's contract.
    unsafe {
        let place = (*scan.cast::<Scan>()).place();
        *read = place.read;
        *buffer = place.buffer;
        *bits = place.count as c_int;
        *predictors.cast::<[c_int; 4]>() = place.predictors;
    }
}
