// Eight pretended GPUs for tests where there is none: "cuda" tensors lie in the memory of the host, and
// their operations are the CPU's. What a CPU alone cannot show is seen with them: which GPU a rank takes,
// that no operation meets tensors of two devices, and how often data cross.

#include <ATen/EmptyTensor.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/resize_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/FakeGuardImpl.h>
#include <torch/library.h>

namespace {

using Guard = c10::impl::FakeGuardImpl<c10::DeviceType::CUDA>;
C10_REGISTER_GUARD_IMPL(CUDA, Guard)

struct CUDAHooks final : at::CUDAHooksInterface {
  explicit CUDAHooks(at::CUDAHooksArgs) {}
  void init() const override {}
  bool hasCUDA() const override { return true; }
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return 8; }
};
using at::CUDAHooksArgs;
using at::CUDAHooksRegistry;
using at::RegistererCUDAHooksRegistry;
REGISTER_CUDA_HOOKS(CUDAHooks)

int crossings[2];    // to a GPU, from one
int used;            // bits of the GPUs that memory was taken on
thread_local bool on_cpu = false;    // within an operation, whose own copies do not count

struct Memory final : c10::Allocator {
  c10::DataPtr allocate(std::size_t bytes) override
  {
    c10::DataPtr data = c10::GetCPUAllocator()->allocate(bytes);
    const c10::Device device(c10::kCUDA, Guard::getDeviceIndex());
    used |= 1 << device.index();
    void *start = data.get();
    return {start, data.release_context(), data.get_deleter(), device};
  }
  void copy_data(void *to, const void *from, std::size_t bytes) const override
  {
    default_copy_data(to, from, bytes);
  }
} memory;

constexpr c10::DispatchKeySet KEYS(c10::DispatchKey::CUDA);

using Sizes = at::IntArrayRef;
using Type = std::optional<at::ScalarType>;
using Place = std::optional<at::Device>;

at::Tensor empty(Sizes size, Type type, std::optional<at::Layout>, Place place, std::optional<bool>,
                 std::optional<at::MemoryFormat> format)
{
  const c10::OptionalDeviceGuard guard(place);
  return at::detail::empty_generic(size, &memory, KEYS, type.value_or(at::kFloat), format);
}

at::Tensor empty_strided(Sizes size, Sizes stride, Type type, std::optional<at::Layout>, Place place,
                         std::optional<bool>)
{
  const c10::OptionalDeviceGuard guard(place);
  return at::detail::empty_strided_generic(size, stride, &memory, KEYS, type.value_or(at::kFloat));
}

at::Tensor on_host(const at::Tensor &tensor)
{
  return at::from_blob(tensor.data_ptr(), tensor.sizes(), tensor.strides(),
                       tensor.options().device(at::kCPU));
}

at::Tensor &copy(at::Tensor &to, const at::Tensor &from, bool)
{
  if (!on_cpu && to.is_cuda() != from.is_cuda()) crossings[to.is_cuda() ? 0 : 1]++;
  on_host(to).copy_(on_host(from));
  return to;
}

at::Tensor copy_and_resize(const at::Tensor &from, const at::Tensor &to)
{
  at::native::resize_(to, from.sizes());
  on_host(to).copy_(on_host(from));
  return to;
}

void run_on_cpu(const c10::OperatorHandle &operation, torch::jit::Stack *stack)
{
  const auto count = operation.schema().arguments().size();
  const auto here = [&](const at::Tensor &tensor) {
    TORCH_CHECK(!tensor.defined() || tensor.is_cuda() || tensor.dim() == 0,
                "tensors of two devices meet in ", operation.schema().name());
    return tensor;
  };
  for (std::size_t k = stack->size() - count; k < stack->size(); k++) {
    c10::IValue &argument = (*stack)[k];
    if (argument.isTensor()) here(argument.toTensor());
    if (!argument.isList() || argument.isTensorList()) continue;
    // lists of indices, which the fallback of torch may leave where they are
    c10::List<std::optional<at::Tensor>> indices;
    for (const c10::IValue &index : argument.toListRef())
      if (index.isTensor() && index.toTensor().defined())
        indices.push_back(on_host(here(index.toTensor())));
      else if (index.isNone() || index.isTensor())
        indices.push_back(std::nullopt);
    if (indices.size() == argument.toListRef().size()) argument = indices;
  }
  const bool outside = std::exchange(on_cpu, true);
  at::native::cpu_fallback(operation, stack);
  on_cpu = outside;
}

TORCH_LIBRARY_IMPL(aten, CUDA, library)
{
  library.impl("empty.memory_format", TORCH_FN(empty));
  library.impl("empty_strided", TORCH_FN(empty_strided));
  library.impl("copy_", TORCH_FN(copy));
  library.impl("_copy_from_and_resize", TORCH_FN(copy_and_resize));
  library.impl("as_strided", TORCH_FN(at::native::as_strided_tensorimpl));
  library.impl("view", TORCH_FN(at::native::view));
  library.impl("_reshape_alias", TORCH_FN(at::native::_reshape_alias));
  library.impl("resize_", TORCH_FN(at::native::resize_));
}

TORCH_LIBRARY_IMPL(_, CUDA, library)
{
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&run_on_cpu>());
}

}    // namespace

extern "C" int pretended_crossings(int which)
{
  return std::exchange(crossings[which], 0);
}

extern "C" int pretended_used()
{
  return used;
}
