/** The version of the API and of this package; `package.json` has the same. */
export const VERSION = '1.0.0';
