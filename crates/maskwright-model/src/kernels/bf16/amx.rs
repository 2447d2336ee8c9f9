//! Products by `tdpbf16ps` of AMX-BF16.
//!
//! A processor with AMX has eight tiles of 16 rows of 64 bytes. Four of them are 32 x 32 sums, two hold 32 rows of one factor, two the
//! 32 columns of the other. Intrinsics of tiles are not stable in Rust, so this is assembly.
#![allow(unsafe_code, reason = "instructions without stable intrinsics")]

use super::Pair;

/// Whether the processor has it and Linux lets this process use it; asks for that.
pub(super) fn is_there() -> bool {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    {
        use std::sync::OnceLock;

        static THERE: OnceLock<bool> = OnceLock::new();
        *THERE.get_or_init(|| x86::is_there() && x86::may_use_tiles())
    }
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    false
}

/// See [`Instructions::product`](super::Instructions::product), which has checked the sizes.
pub(super) fn product(
    a: &[u16],
    rows: usize,
    b: &[Pair],
    out: &mut [f32],
    (stride, columns): (usize, usize),
) {
    assert!(is_there(), "AMX-BF16");
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    x86::product(a, rows, b, out, (stride, columns));
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    let _ = (a, rows, b, out, stride, columns);
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod x86 {
    use std::arch::asm;
    use std::arch::x86_64::__cpuid_count;

    use super::super::{Pair, ROWS, WIDTH};

    /// Rows of a tile.
    const TILE_ROWS: usize = 16;
    /// Bytes of a tile's row.
    const TILE_BYTES: usize = 64;

    /// Bits 22 and 24 of EDX of leaf 7: AMX-BF16 and AMX-TILE.
    pub(super) fn is_there() -> bool {
        let found = __cpuid_count(7, 0).edx;
        found >> 22 & 1 == 1 && found >> 24 & 1 == 1
    }

    /// Linux keeps the tiles' state only for processes that have asked for it (`arch_prctl`, since 5.16).
    pub(super) fn may_use_tiles() -> bool {
        const ARCH_PRCTL: i64 = 158;
        const ARCH_REQ_XCOMP_PERM: i64 = 0x1023;
        const XFEATURE_XTILEDATA: i64 = 18;
        let result: i64;
        // SAFETY: this system call reads and writes no memory of the process.
        unsafe {
            asm!(
                "syscall",
                inlateout("rax") ARCH_PRCTL => result,
                in("rdi") ARCH_REQ_XCOMP_PERM,
                in("rsi") XFEATURE_XTILEDATA,
                lateout("rcx") _,
                lateout("r11") _,
                options(nostack),
            );
        }
        result == 0
    }

    /// The shapes of the tiles, as `ldtilecfg` reads them.
    #[repr(C, align(64))]
    struct Shapes([u8; 64]);

    /// Tiles that are ready to be used, until it is dropped.
    struct Tiles;

    impl Tiles {
        fn new() -> Self {
            let mut shapes = Shapes([0; 64]);
            // Palette 1; bytes of a row from byte 16 on, 16 bits each, and rows from byte 48 on.
            shapes.0[0] = 1;
            for tile in 0..8 {
                shapes.0[16 + 2 * tile] = TILE_BYTES as u8;
                shapes.0[48 + tile] = TILE_ROWS as u8;
            }
            // SAFETY: the processor has AMX and the system allows it (`is_there`); 64 bytes are read.
            unsafe {
                asm!("ldtilecfg [{}]", in(reg) &raw const shapes, options(nostack, readonly))
            };
            Self
        }
    }

    impl Drop for Tiles {
        fn drop(&mut self) {
            // SAFETY: there are tiles to be given back. Nothing else uses them.
            unsafe { asm!("tilerelease", options(nostack, nomem)) };
        }
    }

    pub(super) fn product(
        a: &[u16],
        rows: usize,
        b: &[Pair],
        out: &mut [f32],
        (stride, columns): (usize, usize),
    ) {
        let inner = 2 * b.len();
        let tiles = Tiles::new();
        for from in (0..rows).step_by(ROWS) {
            let a = &a[from * inner..][..ROWS * inner];
            let out = &mut out[from * stride..];
            let count = ROWS.min(rows - from);
            if count == ROWS && columns == WIDTH {
                block(&tiles, a, b, out, stride);
                continue;
            }
            let mut sums = [[0f32; WIDTH]; ROWS];
            block(&tiles, a, b, sums.as_flattened_mut(), WIDTH);
            for (sums, out) in sums[..count].iter().zip(out.chunks_mut(stride)) {
                out[..columns].copy_from_slice(&sums[..columns]);
            }
        }
    }

    /// 32 rows times the panel.
    fn block(_: &Tiles, a: &[u16], b: &[Pair], out: &mut [f32], stride: usize) {
        let inner = 2 * b.len();
        assert!(!b.is_empty() && inner.is_multiple_of(32) && a.len() >= ROWS * inner);
        assert!(stride >= WIDTH && out.len() >= (ROWS - 1) * stride + WIDTH);
        // SAFETY: the tiles are ready. `a` has 32 rows of `2 * inner` bytes, of which 64 are read at a time, `inner / 32` times; the
        // panel has `inner / 2` rows of 128 bytes, of which 16 are read at a time, each half of them; 32 rows of 32 sums are
        // written, `4 * stride` bytes apart. All of that was just checked to be inside.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "2:",
                "tileloadd tmm4, [{upper} + {across}]",
                "tileloadd tmm6, [{panel} + {pair}]",
                "tileloadd tmm7, [{panel} + {pair} + 64]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm5, [{lower} + {across}]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {upper}, 64",
                "add {lower}, 64",
                "add {panel}, 2048",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{out} + {sums}], tmm0",
                "tilestored [{out} + {sums} + 64], tmm1",
                "tilestored [{below} + {sums}], tmm2",
                "tilestored [{below} + {sums} + 64], tmm3",
                upper = inout(reg) a.as_ptr() => _,
                lower = inout(reg) a[TILE_ROWS * inner..].as_ptr() => _,
                panel = inout(reg) b.as_ptr() => _,
                steps = inout(reg) inner / 32 => _,
                across = in(reg) 2 * inner,
                pair = in(reg) size_of::<Pair>(),
                sums = in(reg) 4 * stride,
                out = in(reg) out.as_mut_ptr(),
                below = in(reg) out[TILE_ROWS * stride..].as_mut_ptr(),
                options(nostack),
            );
        }
    }
}
