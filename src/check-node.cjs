// Plain old JavaScript, so that a Node that is too old can still read it.
var version = process.versions.node.split('.').map(Number);
if (version[0] < 20 || (version[0] === 20 && version[1] < 19)) {
  console.error('Spaces needs Node 20.19 or later; this is Node ' + process.versions.node + '.');
  process.exit(1);
}
