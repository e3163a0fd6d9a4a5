// Checks the requirements of `npm start` before the build. In ES5, so that an outdated Node can run it.
var fs = require('fs');
var path = require('path');

var version = process.versions.node.split('.').map(Number);
if (version[0] < 20 || (version[0] === 20 && version[1] < 19)) {
  console.error('Spaces needs Node 20.19 or later; this is Node ' + process.versions.node + '.');
  process.exit(1);
}

var dist = path.join(__dirname, '..', 'dist');
try {
  fs.mkdirSync(dist, { recursive: true });
  fs.accessSync(dist, fs.constants.W_OK);
} catch (error) {
  console.error('Spaces cannot be built, because "' + dist + '" is not writable: ' + error.message);
  process.exit(1);
}
