//! The studio's page: its types, lint and tests, and that what is committed of it is what its sources build.

use crate::shell;

/// Where its sources are.
const FOLDER: &str = "studio";

/// Ends well on a node that the tools run on.
const NEW_ENOUGH: &str = "const [major, minor] = process.versions.node.split('.').map(Number); \
                          process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)";

/// Checks the page. Without node and npm, or where its packages cannot be had, it says so and checks nothing: the page that is
/// committed is a part of the program, and building that needs neither.
pub(crate) fn check() -> Result<(), String> {
    let install = ["ci", "--no-audit", "--no-fund", "--prefix", FOLDER];
    if !shell::works("node", &["-e", NEW_ENOUGH]) || !shell::works("npm", &install) {
        eprintln!(
            "WARNING: the studio's page was not checked: its packages could not be installed (node 20.19 or newer and npm are \
             needed for that)"
        );
        return Ok(());
    }
    shell::run_in(FOLDER, "node", &["check.mjs"], &[])
}
