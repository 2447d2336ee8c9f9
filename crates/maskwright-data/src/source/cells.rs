//! Tables as text.

/// The sign between the cells of a table: of commas, semicolons and tabs the one that the first row has most often outside of
/// quotes; a comma where it has none.
pub fn sign_between_cells(bytes: &[u8]) -> u8 {
    let (mut counts, mut quoted) = ([0u32; 3], false);
    for byte in bytes {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            b',' if !quoted => counts[0] += 1,
            b';' if !quoted => counts[1] += 1,
            b'\t' if !quoted => counts[2] += 1,
            _ => {}
        }
    }
    let [commas, semicolons, tabs] = counts;
    match commas {
        _ if tabs > commas && tabs >= semicolons => b'\t',
        _ if semicolons > commas => b';',
        _ => b',',
    }
}
