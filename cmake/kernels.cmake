# Runs every Halide generator: each `kernel.py` below src/lichtbild may hold several classes decorated with
# @hl.generator(name="..."). Sets `libraries` and `kernel_includes`, and writes kernels.inc for native/bindings.cpp.

# Ask the interpreter of the build for halide: under build isolation Python_SITEARCH is the target environment's.
execute_process(
  COMMAND "${Python_EXECUTABLE}" -c "import importlib.util, pathlib; print(pathlib.Path(importlib.util.find_spec('halide').origin).parent.as_posix())"
  OUTPUT_VARIABLE halide_root OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
if (NOT status EQUAL 0)
  message(FATAL_ERROR
    "The kernels are compiled by Halide, which has no wheel for this platform or Python version. "
    "Install a wheel of lichtbild instead (pip install --only-binary lichtbild lichtbild), build with Python 3.11 to 3.13, "
    "or bring compiled kernels along (LICHTBILD_OBJECTS, see docs/install.md).")
endif ()
find_package(Halide REQUIRED COMPONENTS Python PATHS "${halide_root}/lib64/cmake" "${halide_root}/lib/cmake" NO_DEFAULT_PATH)

set(Halide_PYTHON_LAUNCHER "${CMAKE_COMMAND};-E;env;--modify;PYTHONPATH=path_list_prepend:${CMAKE_CURRENT_SOURCE_DIR}/cmake;--")

file(GLOB_RECURSE kernel_files CONFIGURE_DEPENDS RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}" "src/lichtbild/*/kernel.py")
file(GLOB shared_files CONFIGURE_DEPENDS "cmake/*.py")

set(libraries "")
set(table "")
foreach (file IN LISTS kernel_files)
  string(MAKE_C_IDENTIFIER "${file}" generator)
  add_halide_generator(${generator} SOURCES ${file})
  file(STRINGS "${file}" declarations REGEX "^@hl\\.generator\\(name=\"[a-z0-9_]+\"\\)")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
  foreach (line IN LISTS declarations)
    string(REGEX MATCH "\"([a-z0-9_]+)\"" ignored "${line}")
    set(name "${CMAKE_MATCH_1}")
    if (TARGET kernel_${name})
      message(FATAL_ERROR "two kernels are named ${name}; the second stands in ${file}")
    endif ()
    add_halide_library(kernel_${name} FROM ${generator} GENERATOR ${name} FUNCTION_NAME ${name} TARGETS ${LICHTBILD_TARGETS})
    add_custom_command(OUTPUT kernel_${name}.h APPEND DEPENDS ${shared_files})
    list(APPEND libraries kernel_${name})
    string(APPEND table "KERNEL(${name})\n")
  endforeach ()
endforeach ()
file(CONFIGURE OUTPUT kernels.inc CONTENT "${table}" @ONLY)
set(kernel_includes "${CMAKE_CURRENT_BINARY_DIR}")

if (LICHTBILD_EXPORT)
  get_property(runtime TARGET kernel_${name} PROPERTY Halide_LIBRARY_RUNTIME_TARGET)
  set(files "${CMAKE_CURRENT_BINARY_DIR}/kernels.inc" "${halide_root}/include/HalideRuntime.h")
  foreach (library IN LISTS libraries runtime)
    list(APPEND files "$<TARGET_FILE:${library}>")
  endforeach ()
  add_custom_target(export
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${LICHTBILD_EXPORT}"
    COMMAND "${CMAKE_COMMAND}" -E copy ${files} "${LICHTBILD_EXPORT}"
    DEPENDS ${libraries} ${runtime})
endif ()
