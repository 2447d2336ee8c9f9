//! What NVIDIA's target has of its own.

pub mod ptx_version {
    //! Versions of PTX.

    use core::fmt;

    /// A version of PTX; none is known here, since none is written.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct PtxVersion(());

    impl PtxVersion {
        /// The newest version that a driver loads.
        pub fn for_driver(_driver: i32) -> Option<Self> {
            None
        }
    }

    impl fmt::Display for PtxVersion {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("ptx")
        }
    }
}
