/** The version of the API and of this package, equal to that in `package.json`. */
export const VERSION = '1.0.0';
