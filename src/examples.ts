/** Values that both the examples of the API document and the demo data use. */
export const FOLDER_EXAMPLE = '/2026/night-shift';
/** An empty folder, so that the example of its deletion succeeds. */
export const EMPTY_FOLDER_EXAMPLE = '/2026/calibration';
export const FOLDER_ID_EXAMPLE = '0199b2f5-0c11-7a54-9e02-7b1d3f6a9c20';
export const ASSET_ID_EXAMPLE = '0199b2f5-2e90-7f13-a6d4-1c0b8e7f5a42';
