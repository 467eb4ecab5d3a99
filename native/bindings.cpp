// Gives every compiled kernel to Python as a function of one module, checking arguments against the kernel's own metadata.
//
// Written against the limited API of Python 3.11: one binary serves 3.11 and every later version, and one C++ file is
// compiled however many kernels there are. kernels.inc (made by CMake) holds a line KERNEL(name) for each of them.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <HalideRuntime.h>

#include <climits>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#define KERNEL(name)          \
    int name##_argv(void **); \
    const halide_filter_metadata_t *name##_metadata();
extern "C" {
#include "kernels.inc"
}
#undef KERNEL

namespace {

struct Kernel {
    const char *name;
    int (*run)(void **);
    const halide_filter_metadata_t *(*metadata)();
};

const Kernel kernels[] = {
#define KERNEL(name) {#name, name##_argv, name##_metadata},
#include "kernels.inc"
#undef KERNEL
};

// Halide reports through a global handler, from any of its threads; the text is fetched when the call has failed.
std::mutex message_lock;
std::string message;

void remember(void *, const char *text) {
    std::lock_guard<std::mutex> guard(message_lock);
    message = text;
}

struct Argument {
    Py_buffer view{};
    bool has_view = false;
    std::vector<halide_dimension_t> dimensions;
    halide_buffer_t buffer{};
    halide_scalar_value_t scalar{};

    Argument() = default;
    Argument(const Argument &) = delete;
    Argument &operator=(const Argument &) = delete;
    ~Argument() {
        if (has_view) {
            PyBuffer_Release(&view);
        }
    }
};

bool fail(PyObject *kind, const Kernel &kernel, const halide_filter_argument_t &about, const std::string &what) {
    PyErr_Format(kind, "kernel %s, argument %s: %s", kernel.name, about.name, what.c_str());
    return false;
}

std::string describe(halide_type_t type) {
    const char *code = type.code == halide_type_int ? "int" : type.code == halide_type_uint ? "uint" : "float";
    return type.bits == 1 ? "bool" : code + std::to_string(type.bits);
}

// The element type of a buffer, bits = 0 where a kernel cannot take it (structs, foreign byte order).
halide_type_t element_type(const Py_buffer &view) {
    std::string format = view.format ? view.format : "B";
    if (format.size() == 2 && (format[0] == '@' || format[0] == '=' || format[0] == '<')) {
        format.erase(0, 1);
    }
    const auto bits = static_cast<uint8_t>(8 * view.itemsize);
    if (format.size() == 1) {
        if (std::string("bhilqn").find(format[0]) != std::string::npos) {
            return halide_type_t(halide_type_int, bits);
        }
        if (std::string("BHILQN").find(format[0]) != std::string::npos) {
            return halide_type_t(halide_type_uint, bits);
        }
        if (std::string("efd").find(format[0]) != std::string::npos) {
            return halide_type_t(halide_type_float, bits);
        }
        if (format[0] == '?') {
            return halide_type_t(halide_type_uint, 1);
        }
    }
    return halide_type_t(halide_type_uint, 0);
}

bool same_type(halide_type_t wanted, halide_type_t given) {
    const bool is_byte_mask = given.code == halide_type_uint && given.bits == 1 && wanted.code == halide_type_uint &&
                              wanted.bits == 8;
    return is_byte_mask || (wanted.code == given.code && wanted.bits == given.bits);
}

bool fill_buffer(const Kernel &kernel, const halide_filter_argument_t &about, PyObject *object, Argument &out) {
    const bool is_output = about.kind == halide_argument_kind_output_buffer;
    const int flags = PyBUF_FORMAT | PyBUF_C_CONTIGUOUS | (is_output ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(object, &out.view, flags) != 0) {
        PyErr_Clear();
        return fail(PyExc_TypeError, kernel, about,
                    std::string("wants a C-contiguous ") + (is_output ? "writable " : "") + "array");
    }
    out.has_view = true;
    const Py_buffer &view = out.view;
    const halide_type_t given = element_type(view);
    if (!same_type(about.type, given)) {
        return fail(PyExc_TypeError, kernel, about,
                    "wants " + describe(about.type) + ", not " +
                        (given.bits ? describe(given) : std::string("format ") + (view.format ? view.format : "?")));
    }
    if (view.ndim != about.dimensions) {
        return fail(PyExc_ValueError, kernel, about,
                    "wants " + std::to_string(about.dimensions) + " dimensions, not " + std::to_string(view.ndim));
    }
    if (view.itemsize > 1 && reinterpret_cast<std::uintptr_t>(view.buf) % view.itemsize != 0) {
        return fail(PyExc_ValueError, kernel, about, "is not aligned to its element size");
    }
    // Halide's first axis is the innermost: the last one of a C-ordered array.
    std::int64_t stride = 1;
    out.dimensions.resize(view.ndim);
    for (int d = 0; d < view.ndim; ++d) {
        const Py_ssize_t extent = view.shape[view.ndim - 1 - d];
        if (extent * stride > INT32_MAX) {
            return fail(PyExc_ValueError, kernel, about, "has more than 2^31 - 1 elements");
        }
        out.dimensions[d] = halide_dimension_t(0, static_cast<int32_t>(extent), static_cast<int32_t>(stride));
        stride *= extent;
    }
    out.buffer.host = static_cast<uint8_t *>(view.buf);
    out.buffer.type = about.type;
    out.buffer.dimensions = view.ndim;
    out.buffer.dim = out.dimensions.data();
    out.buffer.set_host_dirty(!is_output);
    return true;
}

bool fill_integer(const Kernel &kernel, const halide_filter_argument_t &about, PyObject *object, Argument &out) {
    const halide_type_t type = about.type;
    PyObject *index = PyNumber_Index(object);
    if (!index) {
        PyErr_Clear();
        return fail(PyExc_TypeError, kernel, about, "wants a whole number");
    }
    const long long value = PyLong_AsLongLong(index);
    Py_DECREF(index);
    const bool has_sign = type.code == halide_type_int;
    const int room = type.bits - (has_sign ? 1 : 0);
    const long long high = room >= 63 ? LLONG_MAX : (1LL << room) - 1;
    const long long low = has_sign ? -high - 1 : 0;
    if ((value == -1 && PyErr_Occurred()) || value < low || value > high) {
        PyErr_Clear();
        return fail(PyExc_OverflowError, kernel, about, "does not fit " + describe(type));
    }
    // Little-endian targets only, so the low bytes of the widest member are the narrow members.
    out.scalar.u.i64 = value;
    return true;
}

bool fill_scalar(const Kernel &kernel, const halide_filter_argument_t &about, PyObject *object, Argument &out) {
    if (about.type.code == halide_type_float) {
        const double value = PyFloat_AsDouble(object);
        if (value == -1.0 && PyErr_Occurred()) {
            PyErr_Clear();
            return fail(PyExc_TypeError, kernel, about, "wants a number");
        }
        if (about.type.bits == 64) {
            out.scalar.u.f64 = value;
        } else {
            out.scalar.u.f32 = static_cast<float>(value);
        }
        return true;
    }
    if (about.type.bits == 1) {
        const int truth = PyObject_IsTrue(object);
        out.scalar.u.b = truth > 0;
        return truth >= 0;
    }
    return fill_integer(kernel, about, object, out);
}

PyObject *call(PyObject *self, PyObject *const *arguments, Py_ssize_t n_arguments) {
    const Kernel &kernel = kernels[PyLong_AsLong(self)];
    const halide_filter_metadata_t &metadata = *kernel.metadata();
    if (n_arguments != metadata.num_arguments) {
        return PyErr_Format(PyExc_TypeError, "kernel %s takes %d arguments, not %zd", kernel.name,
                            metadata.num_arguments, n_arguments);
    }
    std::vector<Argument> values(n_arguments);
    std::vector<void *> pointers(n_arguments);
    for (Py_ssize_t k = 0; k < n_arguments; ++k) {
        const halide_filter_argument_t &about = metadata.arguments[k];
        if (about.kind == halide_argument_kind_input_scalar) {
            if (!fill_scalar(kernel, about, arguments[k], values[k])) {
                return nullptr;
            }
            pointers[k] = &values[k].scalar;
        } else {
            if (!fill_buffer(kernel, about, arguments[k], values[k])) {
                return nullptr;
            }
            pointers[k] = &values[k].buffer;
        }
    }
    PyThreadState *state = PyEval_SaveThread();
    const int code = kernel.run(pointers.data());
    PyEval_RestoreThread(state);
    if (code == 0) {
        Py_RETURN_NONE;
    }
    std::string text;
    {
        std::lock_guard<std::mutex> guard(message_lock);
        text.swap(message);
    }
    PyObject *kind = code == halide_error_code_out_of_memory ? PyExc_MemoryError : PyExc_ValueError;
    return PyErr_Format(kind, "kernel %s: %s", kernel.name, text.empty() ? "failed" : text.c_str());
}

int fill_module(PyObject *module) {
    // Function definitions must outlive the functions.
    static std::vector<PyMethodDef> definitions;
    definitions.reserve(std::size(kernels));
    halide_set_error_handler(remember);
    for (std::size_t k = 0; k < std::size(kernels); ++k) {
        if (definitions.size() <= k) {
            definitions.push_back({kernels[k].name, reinterpret_cast<PyCFunction>(reinterpret_cast<void *>(call)),
                                   METH_FASTCALL, nullptr});
        }
        PyObject *index = PyLong_FromSize_t(k);
        PyObject *function = index ? PyCFunction_New(&definitions[k], index) : nullptr;
        Py_XDECREF(index);
        const int status = PyModule_AddObjectRef(module, kernels[k].name, function);
        Py_XDECREF(function);
        if (status != 0) {
            return -1;
        }
    }
    return 0;
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void *>(fill_module)}, {0, nullptr}};
PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_kernels", "Compiled kernels, see lichtbild.core.native.", 0, nullptr, slots,
    nullptr, nullptr, nullptr,
};

}  // namespace

PyMODINIT_FUNC PyInit__kernels() { return PyModuleDef_Init(&definition); }
