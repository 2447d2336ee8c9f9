//! What all targets share.

pub mod lowered_features {
    //! What a device may be said to do.

    use cubecl_core::ir::DeviceProperties;

    /// A target.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum GpuTarget {
        /// NVIDIA's PTX.
        Nvptx,
    }

    /// Takes away what LLVM cannot compile; with NVRTC everything stays.
    pub fn restrict_features(_: &mut DeviceProperties, _: GpuTarget) {}
}
