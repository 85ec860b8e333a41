# For tools that build addons with node-gyp: the same CMake build as "npx moeflow-build", which is the way for people.
# npm does not run this by itself ("gypfile": false in package.json).
{
  "targets": [
    {
      "target_name": "moeflow",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": ["CMakeLists.txt", "scripts/build-addon.mjs"],
          "outputs": ["<(PRODUCT_DIR)/moeflow.node"],
          # node-gyp and CMake would each write build/Makefile.
          "action": ["node", "scripts/build-addon.mjs", "--out", "build/cmake", "--copy-to", "<(PRODUCT_DIR)"],
        }
      ],
    }
  ]
}
